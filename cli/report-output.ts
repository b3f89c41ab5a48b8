import { createWriteStream } from 'node:fs';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readNights, sourceInFolder, basisOf } from '../evidence/reports/source.ts';
import { CouldNot } from './exit-status.ts';
import { withLedger } from './verbs/ledger.ts';
import type { Basis, EvidenceSource, NightRecord } from '../evidence/reports/source.ts';
import type { World } from './world.ts';

export type Format = 'html' | 'json' | 'csv';

export interface OutputOptions {
  readonly dir?: string;
  readonly format?: Format;
  readonly out?: string;
}

export interface PeriodOptions extends OutputOptions {
  readonly from?: string;
  readonly to?: string;
}

/** A report in every form; each is made only when it is asked for. */
export interface Rendered {
  readonly report: unknown;
  readonly html: () => string;
  readonly csv: () => Iterable<string>;
}

/** @throws CouldNot when the file cannot be written, or its name does not say in which form. */
export async function writeReport(
  { terminal }: World,
  { format, out }: OutputOptions,
  { report, html, csv }: Rendered,
): Promise<void> {
  terminal.result(report);
  const form = format ?? (out === undefined ? undefined : formatOf(out));
  if (form === undefined) return;
  const pieces =
    form === 'html' ? [html()] : form === 'csv' ? csv() : [`${JSON.stringify(report, null, 2)}\n`];
  if (out === undefined) {
    if (!terminal.json) for (const piece of pieces) terminal.raw(piece);
    return;
  }
  try {
    await pipeline(Readable.from(pieces), createWriteStream(out));
  } catch (error) {
    throw new CouldNot(
      `${out} cannot be written: ${(error as Error).message}.`,
      'Give --out another file.',
      error,
    );
  }
  terminal.note(`${out}: written.`);
}

/** True when the report itself goes to standard output, so that no summary may. */
export const toStandardOutput = ({ format, out }: OutputOptions): boolean =>
  format !== undefined && out === undefined;

function formatOf(file: string): Format {
  const extension = extname(file).slice(1);
  if (extension === 'html' || extension === 'json' || extension === 'csv') return extension;
  throw new CouldNot(
    `${file} does not say in which form to write.`,
    'End it in .html, .json or .csv, or give --format.',
  );
}

export interface Period {
  readonly from: string | null;
  readonly to: string | null;
}

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 31;

/** @throws CouldNot when a day is none, or the last one comes before the first. */
export function periodOf({ now }: World, { from, to, dir }: PeriodOptions): Period {
  for (const [flag, day] of [
    ['--from', from],
    ['--to', to],
  ] as const)
    if (day !== undefined && !isDay(day))
      throw new CouldNot(`${flag} "${day}" is not a day.`, 'Write it as 2026-11-21.');
  if (from !== undefined && to !== undefined && from > to)
    throw new CouldNot(`--from ${from} is later than --to ${to}.`, 'Exchange them.');
  if (dir !== undefined) return { from: from ?? null, to: to ?? null };
  const today = now().toISOString().slice(0, 10);
  const last = to ?? today;
  return { from: from ?? dayBefore(last, DEFAULT_DAYS), to: last };
}

function isDay(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}

export function dayBefore(day: string, days: number): string {
  return new Date(Date.parse(day) - days * DAY_MS).toISOString().slice(0, 10);
}

/** Nights whose slot lies in the period, one after the other. */
export interface Nights {
  readonly basis: Basis;
  readonly nights: (wanted?: (key: string) => boolean) => AsyncIterable<NightRecord>;
}

/**
 * Opens the evidence of a period: an exported folder, or the ledger with the credentials of this process. Seals are chosen by the slot of
 * their night, because what S3 calls today need not be what the schedule calls so.
 */
export async function withNights<T>(
  world: World,
  { dir }: OutputOptions,
  { from, to }: Period,
  use: (nights: Nights) => Promise<T>,
): Promise<T> {
  const read = (source: EvidenceSource): Promise<T> => {
    const basis = basisOf(source);
    const inPeriod = (slot: string): boolean =>
      (from === null || slot.slice(0, 10) >= from) && (to === null || slot.slice(0, 10) <= to);
    return use({
      basis,
      nights: async function* (wanted = () => true) {
        for await (const night of readNights(source, basis, wanted))
          if (inPeriod(night.seal.night.slot)) yield night;
      },
    });
  };
  if (dir !== undefined) return read(folder(dir));
  const { policy } = world.policy();
  return withLedger((ledger) =>
    // A night is sealed on the day of its slot or later, never before.
    ledger.report({ policy, ...(from === null ? {} : { from }) }, read),
  );
}

/** @throws CouldNot when it is not an export. */
export function folder(dir: string): EvidenceSource {
  try {
    return sourceInFolder(dir);
  } catch (error) {
    throw new CouldNot(
      `${(error as Error).message}.`,
      'Make one with `lifeboat evidence export --out DIR`.',
      error,
    );
  }
}
