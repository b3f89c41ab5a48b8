import type { Clock, Journal, Place } from '../platform.ts';

export interface Dimension {
  readonly Name: string;
  readonly Value: string;
}

export interface Series extends Place {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: readonly Dimension[];
}

/** What was published at one moment: a set of values, by its statistics. */
export interface Sample {
  /** Milliseconds of the epoch. */
  readonly at: number;
  readonly count: number;
  readonly sum: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly unit: string;
}

export interface SampleLine extends Series {
  readonly sample: Sample;
}

export interface MetricStore {
  /** Durable when it resolves. */
  add(lines: readonly SampleLine[]): Promise<void>;
  series(where: Place): Series[];
  samples(series: Series): readonly Sample[];
}

const KEEP_DAYS = 15;
const KEEP_SAMPLES = 200_000;
const DAY_MS = 86_400_000;

/** Samples of 15 days by the clock, 200,000 at most; the oldest go first. */
export function openMetrics(journal: Journal<SampleLine>, clock: Pick<Clock, 'now'>): MetricStore {
  let lines = journal.replay();
  const byKey = new Map<string, { series: Series; samples: Sample[] }>();
  const index = (line: SampleLine): void => {
    const { sample, ...series } = line;
    const key = keyOf(series);
    const known = byKey.get(key);
    if (known) known.samples.push(sample);
    else byKey.set(key, { series, samples: [sample] });
  };
  const forgetOld = (): void => {
    const since = clock.now().getTime() - KEEP_DAYS * DAY_MS;
    lines = lines.filter(({ sample }) => sample.at >= since).slice(-KEEP_SAMPLES);
    byKey.clear();
    for (const line of lines) index(line);
  };
  forgetOld();
  return {
    async add(added) {
      for (const line of added) {
        lines.push(line);
        index(line);
      }
      await Promise.all(added.map((line) => journal.append(line)));
      if (lines.length > KEEP_SAMPLES * 1.25) forgetOld();
      if (journal.lines > KEEP_SAMPLES * 2)
        await journal.compact(() => {
          forgetOld();
          return lines;
        });
    },
    series: ({ accountId, region }) =>
      [...byKey.values()]
        .map(({ series }) => series)
        .filter((series) => series.accountId === accountId && series.region === region),
    samples: (series) => byKey.get(keyOf(series))?.samples ?? [],
  };
}

/** Dimensions are a set: their order does not matter. */
export function keyOf({ accountId, region, namespace, name, dimensions }: Series): string {
  const sorted = dimensions.map(({ Name, Value }) => [Name, Value]).sort();
  return JSON.stringify([accountId, region, namespace, name, sorted]);
}

export const STATISTICS = ['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum'] as const;
export type Statistic = (typeof STATISTICS)[number];

export interface Datapoint {
  readonly at: number;
  readonly unit: string;
  readonly values: Readonly<Record<Statistic, number>>;
}

/** One point per period that has samples, oldest first; `from` is included, `to` is not. */
export function aggregate(
  samples: readonly Sample[],
  { from, to, periodMs, unit }: { from: number; to: number; periodMs: number; unit: string | undefined },
): Datapoint[] {
  const start = Math.floor(from / periodMs) * periodMs;
  const buckets = new Map<number, Sample[]>();
  for (const sample of samples) {
    if (sample.at < start || sample.at >= to || (unit !== undefined && sample.unit !== unit)) continue;
    const at = Math.floor(sample.at / periodMs) * periodMs;
    buckets.set(at, [...(buckets.get(at) ?? []), sample]);
  }
  return [...buckets]
    .sort(([a], [b]) => a - b)
    .map(([at, inside]) => {
      const count = inside.reduce((total, sample) => total + sample.count, 0);
      const sum = inside.reduce((total, sample) => total + sample.sum, 0);
      const values = {
        ...{ SampleCount: count, Sum: sum, Average: sum / count },
        Minimum: Math.min(...inside.map(({ minimum }) => minimum)),
        Maximum: Math.max(...inside.map(({ maximum }) => maximum)),
      };
      return { at, unit: inside[0]?.unit ?? 'None', values };
    });
}
