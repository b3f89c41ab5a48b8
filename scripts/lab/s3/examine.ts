import { join } from 'node:path';
import { BUCKET_CHECK_IDS, judge, type BucketCheckId, type CheckResult } from '../../../domain/verdict.ts';
import { s3 as engine } from '../../../probe/s3/engine.ts';
import type { Manifest } from '../../../probe/s3/manifest.ts';
import type { Examination } from '../examine.ts';
import { Random } from '../random.ts';
import { type BucketLab, hooks } from './base.ts';
import type { BucketDamageKind } from './kinds.ts';
import { nameInReports, type BucketNight } from './night.ts';

/** As for databases, and what must have been named. */
export interface BucketExamination extends Examination<BucketCheckId> {
  /** Damaged objects that no failure names. */
  readonly unnamed: readonly string[];
}

/** Damages a copy, and asks every check of it as a drill does. */
export async function examineBucket(
  night: BucketNight,
  kind: BucketDamageKind,
  seed: string,
): Promise<BucketExamination> {
  const startedAt = Date.now();
  const { copy, what, keys } = await kind.make(night, new Random(`${kind.name} ${seed}`));
  const results = await askAll(night.lab, copy, night.before, night.after);
  const { status, reasons } = judge(results, BUCKET_CHECK_IDS);
  const by = (wanted: typeof status) =>
    BUCKET_CHECK_IDS.filter((id) =>
      results.some((result) => result.check === id && result.status === wanted),
    );
  const named = results.flatMap(({ findings }) =>
    findings.flatMap(({ severity, where }) => (severity === 'failure' && where !== undefined ? [where] : [])),
  );
  return {
    ...{ kind: kind.name, seed, what, status, reasons },
    ...{ caughtBy: by('failed'), doubtedBy: by('inconclusive') },
    unnamed: keys.filter((key) => !named.includes(nameInReports(night, key))),
    seconds: (Date.now() - startedAt) / 1000,
  };
}

export async function askAll(
  lab: BucketLab,
  copy: string,
  before: Manifest,
  after: Manifest,
): Promise<CheckResult[]> {
  const context = { bucket: lab.bucket(copy), before, after, folder: join(lab.folder, lab.name('check')) };
  const results: CheckResult[] = [];
  for (const id of BUCKET_CHECK_IDS) results.push(await engine.check(id, context, hooks()));
  return results;
}
