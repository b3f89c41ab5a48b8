import { countEnds } from '../verifier/seal-format.ts';
import type { PopulationRow } from '../../domain/facts.ts';
import type { Basis, NightRecord } from './source.ts';

export const ENDS = ['passed', 'failed', 'inconclusive', 'missed', 'excluded', 'not-covered'] as const;
export type End = PopulationRow['end'];

/** Slots one after the other in which a resource ended in the same way for the same reason: every cell, and nothing twice. */
export interface Run {
  readonly end: End;
  readonly reason: string;
  /** Positions in {@link PopulationReport.slots}, both included. */
  first: number;
  last: number;
}

export interface ResourceRow {
  readonly policy: string;
  readonly resource: string;
  readonly arn: string;
  readonly runs: Run[];
  readonly counts: Record<string, number>;
  lastPassed: string | null;
}

export interface SlotColumn {
  readonly policy: string;
  readonly slot: string;
  readonly seal: number;
  readonly sealedAt: string;
  readonly verdict: string;
  /** Rows in the population, as the seal counts them, and as they are when counted again. */
  readonly listed: number;
  readonly counted: number;
  /** False when the inventory could not be read that night, so that nobody knows what else exists. */
  readonly inventory: boolean;
}

/** A stretch of time in which nights were due, going by the distance that nights usually have, and none was sealed. */
export interface Silence {
  readonly policy: string;
  readonly after: string;
  readonly before: string | null;
  readonly slots: number;
}

export interface PopulationReport {
  readonly format: 'lifeboat-population-report/v1';
  readonly period: { readonly from: string | null; readonly to: string | null };
  readonly basis: Basis;
  readonly slots: readonly SlotColumn[];
  readonly resources: readonly ResourceRow[];
  readonly counts: Readonly<Record<string, number>>;
  readonly cells: number;
  readonly silence: readonly Silence[];
  /** Nights that seals say have no seal of their own. */
  readonly unsealed: readonly { readonly policy: string; readonly slot: string; readonly resource: string }[];
  /** Until when the newest verdicts may be relied on: the next slot that is due, by the usual distance. */
  readonly nextDue: readonly { readonly policy: string; readonly at: string }[];
}

/** Collects populations; memory grows with changes, not with nights. */
export function populationOf(basis: Basis, period: PopulationReport['period'], policy?: string) {
  const slots: SlotColumn[] = [];
  const resources = new Map<string, ResourceRow>();
  const counts: Record<string, number> = {};
  const unsealed: PopulationReport['unsealed'][number][] = [];
  let cells = 0;

  function add({ seal }: Pick<NightRecord, 'seal'>): void {
    const { night, counts: listed, sequence, sealedAt } = seal;
    unsealed.push(...(seal.unsealed ?? []).filter((one) => policy === undefined || one.policy === policy));
    if (policy !== undefined && night.policy !== policy) return;
    const column = slots.length;
    const counted = Object.values(countEnds(night.population)).reduce((sum, n) => sum + n, 0);
    slots.push({
      policy: night.policy,
      slot: night.slot,
      seal: sequence,
      sealedAt,
      verdict: night.verdict,
      listed: Object.values(listed.population).reduce((sum, n) => sum + n, 0),
      counted,
      inventory: !night.population.some(({ resource }) => resource === 'inventory'),
    });
    for (const row of night.population) {
      cells += 1;
      counts[row.end] = (counts[row.end] ?? 0) + 1;
      cell(night.policy, row, column);
    }
  }

  function cell(of: string, { resource, arn, end, reason, slot }: PopulationRow, column: number): void {
    const id = `${of}\n${arn}\n${resource}`;
    const row: ResourceRow = resources.get(id) ?? {
      policy: of,
      resource,
      arn,
      runs: [],
      counts: {},
      lastPassed: null,
    };
    resources.set(id, row);
    row.counts[end] = (row.counts[end] ?? 0) + 1;
    if (end === 'passed') row.lastPassed = slot;
    const last = row.runs.at(-1);
    const follows = last !== undefined && last.last === previousColumn(of, column);
    if (last !== undefined && follows && last.end === end && last.reason === reason) last.last = column;
    else row.runs.push({ end, reason, first: column, last: column });
  }

  /** The column before, of the same policy. */
  function previousColumn(of: string, column: number): number {
    for (let at = column - 1; at >= 0; at -= 1) if (slots[at]?.policy === of) return at;
    return -1;
  }

  return {
    add,
    report: (): PopulationReport => ({
      format: 'lifeboat-population-report/v1',
      period,
      basis,
      slots,
      resources: [...resources.values()].sort((a, b) =>
        a.policy === b.policy ? (a.resource < b.resource ? -1 : 1) : a.policy < b.policy ? -1 : 1,
      ),
      counts,
      cells,
      unsealed,
      ...cadence(slots, period),
    }),
  };
}

/** Between which nights more time passed than usual, and when the next one is due. */
export function cadence(
  slots: readonly Pick<SlotColumn, 'policy' | 'slot'>[],
  { to }: PopulationReport['period'],
): Pick<PopulationReport, 'silence' | 'nextDue'> {
  const silence: Silence[] = [];
  const nextDue: { policy: string; at: string }[] = [];
  for (const policy of new Set(slots.map((one) => one.policy))) {
    const at = slots
      .filter((one) => one.policy === policy)
      .map(({ slot }) => Date.parse(slot))
      .sort((a, b) => a - b);
    const usual = usualDistance(at);
    if (usual === null) continue;
    const instant = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
    at.forEach((slot, n) => {
      const next = at[n + 1];
      const missing = next === undefined ? 0 : Math.round((next - slot) / usual) - 1;
      if (next !== undefined && missing > 0)
        silence.push({ policy, after: instant(slot), before: instant(next), slots: missing });
    });
    const last = at.at(-1) ?? 0;
    nextDue.push({ policy, at: instant(last + usual) });
    const end = to === null ? last : Date.parse(to) + 86_400_000;
    const missing = Math.floor((end - 1 - last) / usual);
    if (missing > 0) silence.push({ policy, after: instant(last), before: null, slots: missing });
  }
  return { silence, nextDue };
}

/** Nights that people start one after the other say nothing about the schedule. */
const LEAST_DISTANCE_MS = 3_600_000;

/** The median distance of two slots in milliseconds, an hour at least; null with fewer than three slots. */
export function usualDistance(sorted: readonly number[]): number | null {
  const distances = sorted
    .slice(1)
    .map((at, n) => at - (sorted[n] ?? at))
    .filter((ms) => ms > 0)
    .sort((a, b) => a - b);
  const median = distances[Math.floor(distances.length / 2)];
  return distances.length < 2 || median === undefined ? null : Math.max(LEAST_DISTANCE_MS, median);
}

/** A ledger that was left alone for years is still drawn. */
const MOST_SILENT = 400;

/**
 * Columns of a picture: the slots, and in between as many empty ones as there are nights without a seal, so that silence can be seen.
 * `parts` are the columns of slots `first` to `last`, in pieces where silence comes between.
 */
export function axisOf({ slots, silence }: Pick<PopulationReport, 'slots' | 'silence'>) {
  const columns: string[] = [];
  const places: number[] = [];
  const silent: { policy: string; first: number; last: number }[] = [];
  const gaps = new Map(silence.map((gap) => [`${gap.policy} ${gap.after}`, gap.slots]));
  for (const { slot, policy } of slots) {
    places.push(columns.length);
    columns.push(slot.slice(0, 10));
    const missing = Math.min(gaps.get(`${policy} ${slot}`) ?? 0, MOST_SILENT);
    if (missing > 0) silent.push({ policy, first: columns.length, last: columns.length + missing - 1 });
    for (let n = 0; n < missing; n += 1) columns.push('');
  }
  function parts(first: number, last: number): { first: number; last: number }[] {
    const found: { first: number; last: number }[] = [];
    for (let at = first; at <= last; at += 1) {
      const place = places[at] ?? 0;
      const before = found.at(-1);
      if (before?.last === place - 1) before.last = place;
      else found.push({ first: place, last: place });
    }
    return found;
  }
  return { columns, silent, parts };
}

/** Every cell: one line per resource and slot. */
export function* populationCsv({ slots, resources }: PopulationReport): Generator<string> {
  yield csvLine(['policy', 'resource', 'arn', 'slot', 'end', 'reason', 'seal']);
  for (const { policy, resource, arn, runs } of resources)
    for (const { end, reason, first, last } of runs)
      for (let at = first; at <= last; at += 1) {
        const column = slots[at];
        if (column?.policy === policy)
          yield csvLine([policy, resource, arn, column.slot, end, reason, String(column.seal)]);
      }
}

/** RFC 4180; a cell that a spreadsheet would take for a formula is made text. */
export function csvLine(cells: readonly string[]): string {
  const quoted = cells.map((cell) => {
    const text = /^[=+\-@\t\r]/.test(cell) && !/^-?\d+(\.\d+)?$/.test(cell) ? `'${cell}` : cell;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${quoted.join(',')}\r\n`;
}
