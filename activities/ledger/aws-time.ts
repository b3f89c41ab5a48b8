import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { inLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';

/**
 * AWS's time is what S3 writes on an object that it has just stored (`LastModified`, whole seconds). Retention is decided by that clock,
 * so it is the one to ask. One small object is written over and over under one key and never locked; a lifecycle rule on `clock/`
 * removes its old versions after a day (docs/evidence.md).
 */
const CLOCK_KEY = 'clock/now';

/** How long an answer, carried on by this process's steady clock, is good enough to propose a retention with. */
const GOOD_FOR_MS = 5 * 60_000;

export interface AwsTime {
  /** Asks S3. For whatever is decided by the answer. */
  ask(ledger: Ledger): Promise<Date>;
  /** Never later than S3's clock, and perhaps earlier: for proposals that are read back and corrected. */
  estimate(ledger: Ledger): Promise<Date>;
}

export function createAwsTime(): AwsTime {
  const answers = new Map<string, { readonly at: number; readonly heardAt: number }>();

  async function ask(ledger: Ledger): Promise<Date> {
    const where = { ...inLedger(ledger), Key: CLOCK_KEY };
    const heardAt = performance.now();
    const { VersionId } = await ledger.s3.send(
      new PutObjectCommand({
        ...where,
        Body: 'Overwritten to read the clock of S3.\n',
        ContentType: 'text/plain',
      }),
    );
    const now = await writtenAt(ledger, CLOCK_KEY, VersionId);
    answers.set(ledger.bucket, { at: now.getTime(), heardAt });
    return now;
  }

  return {
    ask,
    async estimate(ledger) {
      const answer = answers.get(ledger.bucket);
      const age = answer === undefined ? Infinity : performance.now() - answer.heardAt;
      return answer === undefined || age > GOOD_FOR_MS ? ask(ledger) : new Date(answer.at + age);
    },
  };
}

/** S3's own date of one version. */
export async function writtenAt(ledger: Ledger, key: string, versionId: string | undefined): Promise<Date> {
  const { LastModified } = await ledger.s3.send(
    new HeadObjectCommand({
      ...inLedger(ledger),
      Key: key,
      ...(versionId === undefined ? {} : { VersionId: versionId }),
    }),
  );
  if (LastModified === undefined) throw new Error(`S3 gave no date for ${key}`);
  return LastModified;
}

/** `2026-11-21T02:30:00Z`: whole seconds, because S3 knows no more. */
export function instantOf(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
