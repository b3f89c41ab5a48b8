import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { auditorReadme } from './auditor-readme.ts';
import { canonicalBytes } from './canonical.ts';
import { publicKeyOf, sha256 } from './verifier/envelope.ts';
import { CHECKSUMS, KEYS } from './verifier/folder.ts';
import { sealKey } from './verifier/seal-format.ts';
import type { SealPredicate } from './verifier/seal-format.ts';

export const EXPORT_FORMAT = 'lifeboat-evidence-export/v1';

/** `export.json`: where an export came from and with which seals it begins and ends. */
export interface ExportDescription {
  readonly format: typeof EXPORT_FORMAT;
  readonly bucket: string;
  readonly region: string;
  readonly firstSeal: number;
  readonly lastSeal: number;
  /** Digest of the seal before the first one here; null when that is the first of the ledger. */
  readonly previous: string | null;
  /** When the first and the last of these seals were made. */
  readonly from: string;
  readonly to: string;
  readonly statements: number;
}

export interface ExportFolder {
  /** Seals in the order of the chain, each with its bytes as they lie in the ledger. */
  seal(seal: SealPredicate, bytes: Buffer): Promise<void>;
  statement(key: string, bytes: Buffer): Promise<void>;
  /** Writes keys, README, verifier, description and checksums; without it the folder is no export. */
  finish(): Promise<ExportDescription>;
}

/**
 * Writes an export piece by piece, so that years of evidence need no more memory than one seal.
 * @throws Error when `out` exists and is not empty: two exports in one folder would be none.
 */
export async function createExportFolder(
  out: string,
  ledger: { readonly bucket: string; readonly region: string },
): Promise<ExportFolder> {
  const sums = new Map<string, string>();
  const keys = new Map<string, string>();
  let first: SealPredicate | undefined;
  let last: SealPredicate | undefined;
  let statements = 0;
  await mkdir(out, { recursive: true });
  if ((await readdir(out)).length > 0)
    throw new Error(`${out} is not empty; give --out a new or an empty folder`);

  async function write(path: string, bytes: Buffer, listed: boolean): Promise<void> {
    if (path.startsWith('/') || path.split('/').includes('..'))
      throw new Error(`${path} would be written outside of the export`);
    await mkdir(dirname(join(out, path)), { recursive: true });
    await writeFile(join(out, path), bytes, { flag: 'wx' });
    if (listed) sums.set(path, sha256(bytes));
  }

  return {
    async seal(seal, bytes) {
      first ??= seal;
      last = seal;
      for (const { keyid, publicKey } of seal.keys) keys.set(keyid, publicKey);
      await write(sealKey(seal.sequence), bytes, true);
    },
    async statement(key, bytes) {
      statements += 1;
      await write(key, bytes, false);
    },
    async finish() {
      if (first === undefined || last === undefined) throw new Error('there is no seal to export');
      const description: ExportDescription = {
        format: EXPORT_FORMAT,
        ...ledger,
        firstSeal: first.sequence,
        lastSeal: last.sequence,
        previous: first.previous,
        from: first.sealedAt,
        to: last.sealedAt,
        statements,
      };
      for (const [keyid, spki] of keys) {
        const pem = publicKeyOf(Buffer.from(spki, 'base64')).export({ type: 'spki', format: 'pem' });
        await write(`${KEYS}${keyid.replace('sha256:', '')}.pem`, Buffer.from(pem), true);
      }
      await write('README.md', Buffer.from(auditorReadme(description, [...keys.keys()])), true);
      await write('verify.mjs', await readFile(new URL('./verify.mjs', import.meta.url)), true);
      await write('export.json', canonicalBytes(description), true);
      const lines = [...sums]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([path, digest]) => `${digest}  ${path}\n`);
      await write(CHECKSUMS, Buffer.from(lines.join('')), false);
      return description;
    },
  };
}
