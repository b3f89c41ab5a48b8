import { createHash } from 'node:crypto';
import type { Catalogue, CatalogueObject } from './fingerprint.ts';
import type { CatalogueSource } from './catalogue-sources.ts';
import type { Session } from './session.ts';

interface ObjectRow extends Record<string, unknown> {
  kind: string;
  name: string;
  digest: string;
  version: string;
}

/** 96 bits: enough that no two definitions of one catalogue meet by chance, and short, since there may be 100 000 of them. */
const DIGEST_BYTES = 12;

/** Reads every object of the sources. Definitions are digested in the server and never leave it. */
export async function readCatalogue(
  session: Session,
  sources: readonly CatalogueSource[],
  serverVersion: number,
): Promise<Catalogue> {
  const parts = sources
    .filter(({ since = 0 }) => serverVersion >= since)
    .map(({ kind, sql }) => `SELECT '${kind}' AS kind, s.name, s.definition, s.version FROM (${sql}) s`);
  const rows = await session.rows<ObjectRow>(
    'read the catalogue',
    `SELECT o.kind, coalesce(o.name, '?') AS name, o.version::text AS version,
       encode(substring(sha256(convert_to(coalesce(o.definition, ''), getdatabaseencoding())) FOR ${DIGEST_BYTES}), 'hex') AS digest
     FROM (${parts.join('\nUNION ALL\n')}) o ORDER BY o.kind COLLATE "C", o.name COLLATE "C", digest`,
  );
  return catalogueOf(rows);
}

function catalogueOf(rows: readonly ObjectRow[]): Catalogue {
  const objects = new Map<string, CatalogueObject>();
  for (const { kind, name, digest, version } of rows) {
    // A relation's kind is part of its name already, so that a table replaced by a view is seen as such.
    const key = kind === 'relation' ? name : `${kind} ${name}`;
    let unique = key;
    for (let n = 2; objects.has(unique); n += 1) unique = `${key} (${n})`;
    objects.set(unique, { digest, version: Number(version) });
  }
  return { digest: digestOf(objects), objects };
}

/** One digest over all objects. */
export function digestOf(objects: ReadonlyMap<string, CatalogueObject>): string {
  const hash = createHash('sha256');
  for (const [key, { digest }] of [...objects].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${key}\0${digest}\n`);
  return hash.digest('hex');
}
