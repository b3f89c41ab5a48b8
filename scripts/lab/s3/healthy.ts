import { BUCKET_CHECK_IDS, judge } from '../../../domain/verdict.ts';
import { type HealthyResult, type HealthyRound, healthyResult } from '../healthy.ts';
import type { LabOptions } from '../options.ts';
import { Random } from '../random.ts';
import { BucketLab } from './base.ts';
import { askAll } from './examine.ts';
import { fillBucket, writeSome } from './source.ts';

/** Backs up and restores buckets that are written to all the while, and asks every check of each copy. */
export async function healthyBucketsRun(
  { count, seed }: LabOptions,
  say: (line: string) => void,
): Promise<HealthyResult> {
  const startedAt = Date.now();
  const lab = await BucketLab.open();
  const rounds: HealthyRound[] = [];
  let written = 0;
  try {
    for (let n = 1; n <= count; n += 1) {
      const done = await healthyBucketRound(lab, n, `${seed}/${n}`);
      rounds.push(done);
      written += done.written;
      if (done.status !== 'passed')
        say(`${done.status.toUpperCase()}: round ${n}: ${done.reasons.join('; ')}`);
    }
  } finally {
    await lab.end();
  }
  return healthyResult(rounds, written, startedAt);
}

/** One bucket, one backup and one restore, with a writer that never rests from before the first pass until after the second. */
export async function healthyBucketRound(
  lab: BucketLab,
  round: number,
  seed: string,
): Promise<HealthyRound & { readonly written: number }> {
  const random = new Random(seed);
  const source = await lab.createSource();
  const keys = await fillBucket(lab.s3, source, random);
  const enough = new AbortController();
  const writing = writeSome(lab.s3, source, keys, random, { times: Infinity, signal: enough.signal });
  const before = await lab.manifest(source);
  const point = await lab.backUp(source);
  const after = await lab.manifest(source, before);
  enough.abort();
  const written = (await writing).length;
  const results = await askAll(lab, await lab.restore(point), before, after);
  const { status, reasons } = judge(results, BUCKET_CHECK_IDS);
  const coverage = results.find(({ check }) => check === 'content')?.coverage;
  return {
    ...{ round, status, reasons, errors: [], written },
    provenRows: coverage?.provenRows ?? 0,
    boundedRows: coverage?.boundedRows ?? 0,
    notExaminedRows: coverage?.notExaminedRows ?? 0,
    rememberedRows: 0,
  };
}
