import { createExportFolder } from '../../evidence/export-folder.ts';
import { decodeEnvelope, sha256 } from '../../evidence/verifier/envelope.ts';
import { failure } from '../failures.ts';
import { instantOf } from './aws-time.ts';
import { inParallel } from './in-parallel.ts';
import { listSealObjects, readSeal } from './seals.ts';
import { findObject, listObjects, readVersion } from './versions.ts';
import type { Fact, SealRef } from '../../domain/facts.ts';
import type { ExportDescription } from '../../evidence/export-folder.ts';
import type { Statement } from '../../evidence/statement.ts';
import type { Ledger } from './ledger.ts';
import type { StoredSeal } from './seals.ts';

/** Days, `2026-11-21`, both included; either may be left open. */
export interface Period {
  readonly from?: string;
  readonly to?: string;
}

export interface ListedStatement {
  readonly key: string;
  readonly versionId: string;
  readonly writtenAt: string;
  readonly bytes: number;
}

export interface ListedSeal extends SealRef {
  readonly sealedAt: string;
  readonly policy: string;
  readonly slot: string;
  readonly verdict: string;
  readonly signedBy: readonly string[];
  readonly irregularities: number;
}

export interface ReadStatement {
  readonly key: string;
  readonly versionId: string;
  readonly sha256: string;
  readonly signedBy: readonly string[];
  readonly statement: Statement<Fact>;
}

const READ_AT_ONCE = 16;

/** Statements filed under the days of the period, in the order of their keys. */
export async function listStatements(ledger: Ledger, { from, to }: Period): Promise<ListedStatement[]> {
  const listed: ListedStatement[] = [];
  // A key of that day is longer than the prefix, and so sorts after it.
  for await (const object of listObjects(
    ledger,
    'statements/',
    from === undefined ? undefined : `statements/${from}`,
  )) {
    if (to !== undefined && object.key.slice('statements/'.length, 'statements/'.length + 10) > to) break;
    const { key, versionId, bytes } = object;
    listed.push({ key, versionId, writtenAt: instantOf(object.writtenAt), bytes });
  }
  return listed;
}

/** @param versionId default: the first version ever written. */
export async function readStatement(ledger: Ledger, key: string, versionId?: string): Promise<ReadStatement> {
  const version = versionId ?? (await findObject(ledger, key))?.versionId;
  if (version === undefined) {
    throw failure(
      'LedgerRefused',
      `There is no statement ${key} in ${ledger.bucket}. List them with \`lifeboat evidence list\`.`,
      { key },
    );
  }
  const bytes = await readVersion(ledger, key, version);
  const { payload, signatures } = decodeEnvelope(bytes);
  return {
    key,
    versionId: version,
    sha256: sha256(bytes),
    signedBy: signatures.map(({ keyid }) => keyid),
    statement: JSON.parse(payload.toString()) as Statement<Fact>,
  };
}

/** Seals made in the period, in the order of the chain. */
export async function listSeals(ledger: Ledger, period: Period): Promise<ListedSeal[]> {
  const seals = await sealsOf(ledger, period);
  return seals.map(({ key, sha256: digest, signedBy, seal }) => ({
    key,
    sequence: seal.sequence,
    sha256: digest,
    statements: seal.statements.length,
    sealedAt: seal.sealedAt,
    policy: seal.night.policy,
    slot: seal.night.slot,
    verdict: seal.night.verdict,
    signedBy,
    irregularities: seal.irregularities.length,
  }));
}

/**
 * Writes the seals made in the period, with every statement they list, to an empty folder that can be verified offline.
 * @throws ApplicationFailure LedgerRefused when no seal was made in the period.
 */
export async function exportEvidence(
  ledger: Ledger,
  { out, ...period }: Period & { readonly out: string },
): Promise<ExportDescription> {
  const places = await sealPlaces(ledger, period);
  if (places.length === 0) {
    throw failure(
      'LedgerRefused',
      `No seal was made in ${ledger.bucket} from ${period.from ?? 'its beginning'} to ${period.to ?? 'now'}, so there is nothing to export.`,
    );
  }
  const folder = await createExportFolder(out, { bucket: ledger.bucket, region: ledger.region });
  for (const place of places) {
    const { seal, bytes } = await readSeal(ledger, place);
    await folder.seal(seal, bytes);
    await inParallel(READ_AT_ONCE, seal.statements, async ({ key, versionId }) =>
      folder.statement(key, await readVersion(ledger, key, versionId)),
    );
  }
  return folder.finish();
}

/** S3's date of a seal is its own: it decides the period without reading the content. */
async function sealPlaces(
  ledger: Ledger,
  { from, to }: Period,
): Promise<{ key: string; versionId: string }[]> {
  const objects = await listSealObjects(ledger);
  return objects.filter(({ writtenAt }) => {
    const day = instantOf(writtenAt).slice(0, 10);
    return (from === undefined || day >= from) && (to === undefined || day <= to);
  });
}

async function sealsOf(ledger: Ledger, period: Period): Promise<StoredSeal[]> {
  return inParallel(READ_AT_ONCE, await sealPlaces(ledger, period), (place) => readSeal(ledger, place));
}
