import type { Finding } from '../../../domain/verdict.ts';
import { QueryRefused } from '../../errors.ts';
import { displayName } from '../fingerprint.ts';
import type { Session } from '../session.ts';
import { doubt, failure } from './check.ts';
import { blocksInWords, counted } from './ranges.ts';
import { batched } from './batches.ts';
import type { Part } from './structure.ts';

interface Heap {
  readonly oid: string;
  readonly name: string;
  /** For SQL. */
  readonly quoted: string;
  readonly blocks: number;
}

const FIRST_WITH_VERIFY_HEAPAM = 140_000;

/** Enough to name the places; a heap with more is broken throughout. */
const MOST_COMPLAINTS = 1_000;

const HEAPS = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name,
    format('%I.%I', n.nspname, c.relname) AS quoted, (pg_relation_size(c.oid) / current_setting('block_size')::int8)::float8 AS blocks
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am am ON am.oid = c.relam AND am.amname = 'heap'
  WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence <> 't' ORDER BY c.oid`;

/**
 * `verify_heapam` over every heap, catalogues and TOAST included, and every toasted value looked up. Where PostgreSQL does not have it,
 * every value of every row is read, which says nothing of the headers of rows that nobody sees.
 */
export async function checkHeaps(
  session: Session,
  amcheck: string,
  serverVersion: number,
  say: (detail: string) => void,
): Promise<Part> {
  const rows = await session.rows<{
    oid: string;
    schema: string;
    name: string;
    quoted: string;
    blocks: number;
  }>('list the heaps', HEAPS);
  const heaps = rows.map(({ schema, name, ...heap }) => ({
    ...heap,
    name: displayName(session.database, schema, name),
  }));
  const ask =
    serverVersion >= FIRST_WITH_VERIFY_HEAPAM
      ? (batch: readonly Heap[]) => complaintsOf(session, amcheck, batch)
      : (batch: readonly Heap[]) => readEveryValue(session, batch);
  const findings: Finding[] = [];
  let refused = 0;
  for (const batch of batched(heaps)) {
    say(`${batch[0]?.name ?? session.database}: verifying the heap`);
    const complaints = await verify(batch, ask);
    findings.push(...complaints.findings);
    refused += complaints.refused;
  }
  const notTested =
    serverVersion >= FIRST_WITH_VERIFY_HEAPAM
      ? []
      : [
          `headers of row versions in ${session.database}: PostgreSQL verifies heaps from 14 on; every value was read instead`,
        ];
  return { findings, examined: heaps.length - refused, total: heaps.length, notTested };
}

interface Complaint {
  readonly oid: string;
  readonly block: string | null;
}

/** The message of each complaint stays in the server; number and place are what people need. */
function complaintsOf(session: Session, amcheck: string, heaps: readonly Heap[]): Promise<Complaint[]> {
  return session.rows<{ oid: string; block: string | null }>(
    heaps.length === 1 ? `verify ${heaps[0]?.name ?? 'a heap'}` : 'verify heaps',
    `SELECT o AS oid, v.blkno::text AS block FROM unnest($1::text[]) o,
       LATERAL ${amcheck}.verify_heapam(o::oid::regclass, on_error_stop => false, check_toast => true) v LIMIT ${MOST_COMPLAINTS}`,
    [heaps.map(({ oid }) => oid)],
  );
}

/** Fails where a value, out of line or not, cannot be read. */
async function readEveryValue(session: Session, heaps: readonly Heap[]): Promise<Complaint[]> {
  for (const { name, quoted } of heaps)
    await session.row(
      `read every value of ${name}`,
      `SELECT count(pg_catalog.length((t.*)::pg_catalog.text)) AS rows FROM ONLY ${quoted} t`,
    );
  return [];
}

async function verify(
  heaps: readonly Heap[],
  ask: (heaps: readonly Heap[]) => Promise<Complaint[]>,
): Promise<{ findings: Finding[]; refused: number }> {
  try {
    const complaints = await ask(heaps);
    return { findings: heaps.flatMap((heap) => findingsOn(heap, complaints)), refused: 0 };
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    const [only, ...others] = heaps;
    if (only === undefined) return { findings: [], refused: 0 };
    if (others.length === 0) {
      const kind = error.meansDamage ? failure : doubt;
      const found = kind('heap-unreadable', error.message, only.name);
      return { findings: [found], refused: error.meansDamage ? 0 : 1 };
    }
    const each = [];
    for (const heap of heaps) each.push(await verify([heap], ask));
    return {
      findings: each.flatMap(({ findings }) => findings),
      refused: each.reduce((sum, one) => sum + one.refused, 0),
    };
  }
}

function findingsOn(heap: Heap, complaints: readonly Complaint[]): Finding[] {
  const own = complaints.filter(({ oid }) => oid === heap.oid);
  if (own.length === 0) return [];
  const blocks = own.flatMap(({ block }) => (block === null ? [] : [Number(block)]));
  const where = blocks.length === 0 ? heap.name : `${heap.name} ${blocksInWords(blocks)}`;
  return [
    failure(
      'heap-corrupt',
      `${counted(own.length, 'row version is', 'row versions are')} not as PostgreSQL writes them`,
      where,
    ),
  ];
}
