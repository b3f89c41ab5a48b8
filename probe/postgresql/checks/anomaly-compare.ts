import type { Finding } from '../../../domain/verdict.ts';
import { displayName } from '../fingerprint.ts';
import type { ColumnSummary, TableSummary } from '../summary.ts';
import { note } from './check.ts';

/** Fewer rows jump by chance. */
const FEWEST_ROWS = 100;
/** From here on a jump is worth a look; one night's work stays well below. */
const NULLS_BY = 0.1;
const DISTINCT_BY = 0.3;
const ENTROPY_BY = 0.8;
const TIMES = 1.5;
const LEAST_BYTES = 4;
const SIZE_TIMES = 2;
const LEAST_SIZE = 1_048_576;

/**
 * What jumped since the last verified point: warnings with names and numbers, never content. They change no verdict: the copy may be a
 * perfect one of a source that was encrypted in place.
 */
export function compareSummaries(
  database: string,
  before: readonly TableSummary[],
  now: readonly TableSummary[],
): { findings: Finding[]; compared: number } {
  const findings: Finding[] = [];
  let compared = 0;
  for (const table of now) {
    const last = before.find(({ schema, name }) => schema === table.schema && name === table.name);
    if (last === undefined) continue;
    compared += 1;
    const where = displayName(database, table.schema, table.name);
    if (jumped(last.bytes, table.bytes, SIZE_TIMES, LEAST_SIZE))
      findings.push(
        note('size-jumped', `its size went from ${size(last.bytes)} to ${size(table.bytes)}`, where),
      );
    if (Math.min(last.sampledRows, table.sampledRows) < FEWEST_ROWS) continue;
    for (const column of table.columns) {
      const earlier = last.columns.find(({ name }) => name === column.name);
      if (earlier === undefined) continue;
      const jumps = jumpsOf(earlier, column);
      if (jumps.length > 0)
        findings.push(note('column-jumped', jumps.join('; '), `${where}.${displayName(column.name)}`));
    }
  }
  return { findings, compared };
}

function jumpsOf(before: ColumnSummary, now: ColumnSummary): string[] {
  const jumps: string[] = [];
  if (Math.abs(now.nulls - before.nulls) >= NULLS_BY)
    jumps.push(`nulls went from ${percent(before.nulls)} to ${percent(now.nulls)}`);
  const empty = before.nulls === 1 || now.nulls === 1;
  if (empty) return jumps;
  if (Math.abs(now.distinct - before.distinct) >= DISTINCT_BY)
    jumps.push(`different values went from ${percent(before.distinct)} to ${percent(now.distinct)}`);
  if (jumped(before.averageBytes, now.averageBytes, TIMES, LEAST_BYTES))
    jumps.push(
      `the average length went from ${before.averageBytes.toFixed(1)} to ${now.averageBytes.toFixed(1)} bytes`,
    );
  if (Math.abs(now.entropy - before.entropy) >= ENTROPY_BY)
    jumps.push(`entropy went from ${before.entropy.toFixed(1)} to ${now.entropy.toFixed(1)} bits per byte`);
  return jumps;
}

function jumped(before: number, now: number, times: number, least: number): boolean {
  const [less, more] = before < now ? [before, now] : [now, before];
  return more - less >= least && more >= less * times;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const size = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MB`;
