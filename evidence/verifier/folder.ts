import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyIdOf, publicKeyOf, sha256 } from './envelope.ts';
import type { FindingCode, VerifyFinding } from './report.ts';

export const CHECKSUMS = 'SHA256SUMS';
export const STATEMENTS = 'statements/';
export const SEALS = 'seals/';
export const KEYS = 'keys/';

export type Found = (code: FindingCode, object: string, message: string) => void;

export function collector(): { findings: VerifyFinding[]; found: Found } {
  const findings: VerifyFinding[] = [];
  return { findings, found: (code, object, message) => findings.push({ code, object, message }) };
}

/** The files of an export, wherever they lie. */
export interface ExportFiles {
  /** Every file as a path with slashes; sorted within each folder. */
  list(found: Found): Iterable<string>;
  /** Undefined when there is no such file; any other trouble stops the verification. */
  read(path: string): Buffer | undefined;
}

export function filesIn(dir: string): ExportFiles {
  return { list: (found) => filesBelow(dir, found), read: (path) => readIfThere(dir, path) };
}

/** What is neither file nor folder is reported: it could point anywhere. */
function* filesBelow(dir: string, found: Found, prefix = ''): Generator<string> {
  const entries = readdirSync(join(dir, prefix), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(dir, found, `${path}/`);
    else if (entry.isFile()) yield path;
    else found('extra', path, 'it is neither a file nor a folder');
  }
}

function readIfThere(dir: string, path: string): Buffer | undefined {
  try {
    return readFileSync(join(dir, path));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}

/**
 * `SHA256SUMS` has one line for each file that no seal names: the seals themselves, keys, README, this verifier. It guards against
 * accidents and leaves no byte of the export without a check; only the signatures guard against forgery.
 */
export function checkSums(files: ExportFiles, names: readonly string[], found: Found): void {
  const bytes = files.read(CHECKSUMS);
  if (bytes === undefined) {
    found('missing', CHECKSUMS, 'the list of checksums is not there');
    return;
  }
  const listed = new Map<string, string>();
  const lines = bytes.toString('utf8').split('\n');
  if (lines.pop() !== '') found('changed', CHECKSUMS, 'it does not end with a line break');
  let last = '';
  for (const line of lines) {
    const [, digest = '', path = ''] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    if (path <= last)
      found('changed', CHECKSUMS, `the line "${line}" is malformed, repeated or out of order`);
    last = path;
    listed.set(path, digest);
  }
  const expected = new Set(names.filter((path) => path !== CHECKSUMS && !path.startsWith(STATEMENTS)));
  for (const path of expected) {
    if (!listed.has(path)) found('extra', path, `${CHECKSUMS} does not list it`);
  }
  for (const [path, digest] of listed) {
    const content = expected.has(path) ? files.read(path) : undefined;
    if (content === undefined) found('missing', path, `${CHECKSUMS} lists it, and it is not there`);
    else if (sha256(content) !== digest)
      found('changed', path, `its bytes are not those that ${CHECKSUMS} lists`);
  }
}

/** Each public key lies in a file that is named by the key, so that neither can be exchanged. */
export function checkKeyFiles(files: ExportFiles, names: readonly string[], found: Found): void {
  for (const path of names.filter((file) => file.startsWith(KEYS))) {
    try {
      const pem = files.read(path)?.toString('latin1') ?? '';
      const key = publicKeyOf(pem);
      if (
        `${KEYS}${keyIdOf(key).replace('sha256:', '')}.pem` !== path ||
        key.export({ type: 'spki', format: 'pem' }) !== pem
      ) {
        found('changed', path, 'the key in it is not the key in its name');
      }
    } catch (error) {
      found('malformed', path, `no public key: ${(error as Error).message}`);
    }
  }
}
