import { createHash } from 'node:crypto';
import { GetObjectRetentionCommand, PutObjectCommand, PutObjectRetentionCommand } from '@aws-sdk/client-s3';
import { isNamed } from '../aws/errors.ts';
import { failure } from '../failures.ts';
import { instantOf, writtenAt } from './aws-time.ts';
import { inLedger } from './ledger.ts';
import type { AwsTime } from './aws-time.ts';
import type { Ledger } from './ledger.ts';

const ENVELOPE_TYPE = 'application/vnd.dsse.envelope.v1+json';

/** Added to what is asked for, so that the seconds between asking for the time and storing the object need no second call. */
const SLACK_SECONDS = 3600;

/**
 * Stores an object that cannot exist yet, locked in compliance mode, and reads the lock back.
 * @returns undefined when something is already there under `key`; nothing was written then.
 */
export async function putOnce(
  ledger: Ledger,
  time: AwsTime,
  key: string,
  bytes: Buffer,
): Promise<{ versionId: string } | undefined> {
  const now = await time.estimate(ledger);
  try {
    const { VersionId } = await ledger.s3.send(
      new PutObjectCommand({
        ...inLedger(ledger),
        Key: key,
        Body: bytes,
        ContentType: ENVELOPE_TYPE,
        ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
        IfNoneMatch: '*',
        ObjectLockMode: 'COMPLIANCE',
        ObjectLockRetainUntilDate: after(now, ledger.keepSeconds + SLACK_SECONDS),
      }),
    );
    if (VersionId === undefined) throw unversioned(ledger);
    await requireLocked(ledger, key, VersionId);
    return { versionId: VersionId };
  } catch (error) {
    if (isNamed(error, 'PreconditionFailed', 'ConditionalRequestConflict')) return undefined;
    throw error;
  }
}

/**
 * Reads the lock of one version back and lengthens it when it is shorter than the policy demands, counted from S3's date of the object.
 * A proposal made with an old notion of the time ends up right this way, and never too long.
 */
export async function requireLocked(ledger: Ledger, key: string, versionId: string): Promise<void> {
  const written = await writtenAt(ledger, key, versionId);
  const until = after(written, ledger.keepSeconds);
  const lock = await readLock(ledger, key, versionId);
  if (holds(lock, until)) return;
  const wanted = after(written, ledger.keepSeconds + SLACK_SECONDS);
  await ledger.s3.send(
    new PutObjectRetentionCommand({
      ...inLedger(ledger),
      Key: key,
      VersionId: versionId,
      // A lock of another mode may already be longer; shortening it would be refused.
      Retention: { Mode: 'COMPLIANCE', RetainUntilDate: lock.until > wanted ? lock.until : wanted },
    }),
  );
  if (holds(await readLock(ledger, key, versionId), until)) return;
  throw failure(
    'LedgerRefused',
    `${ledger.bucket}/${key} is not locked in compliance mode until ${instantOf(until)}. Check the Object Lock settings of the bucket.`,
    { bucket: ledger.bucket, key, versionId },
  );
}

interface Lock {
  readonly mode: string | undefined;
  readonly until: Date;
}

function holds({ mode, until }: Lock, needed: Date): boolean {
  return mode === 'COMPLIANCE' && until >= needed;
}

/** What S3 says now; mode undefined and 1970 when there is no lock. */
export async function readLock(ledger: Ledger, key: string, versionId: string): Promise<Lock> {
  try {
    const { Retention } = await ledger.s3.send(
      new GetObjectRetentionCommand({ ...inLedger(ledger), Key: key, VersionId: versionId }),
    );
    return { mode: Retention?.Mode, until: Retention?.RetainUntilDate ?? NEVER };
  } catch (error) {
    if (isNamed(error, 'NoSuchObjectLockConfiguration')) return { mode: undefined, until: NEVER };
    throw error;
  }
}

const NEVER = new Date(0);

export function unversioned({ bucket }: Ledger): Error {
  return failure(
    'LedgerRefused',
    `The bucket ${bucket} keeps no versions. The ledger needs a bucket created with Object Lock.`,
    { bucket },
  );
}

function after(instant: Date, seconds: number): Date {
  return new Date(instant.getTime() + seconds * 1000);
}
