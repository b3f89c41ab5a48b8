import type { BucketRecord, LockMode, ObjectVersion, Retention } from './records.ts';
import { invalidArgument, noLockConfiguration, protectedByLock } from './errors.ts';

/** Object Lock's rules. `now` is the simulated clock throughout. */

const DAY_MS = 86_400_000;

export interface LockRequest {
  readonly ObjectLockMode?: string | undefined;
  readonly ObjectLockRetainUntilDate?: Date | undefined;
  readonly ObjectLockLegalHoldStatus?: string | undefined;
}

export interface Lock {
  readonly retention: Retention | undefined;
  readonly legalHold: 'ON' | 'OFF' | undefined;
}

/** The lock of a new version: as asked for, else the bucket's default. */
export function lockForNewVersion(request: LockRequest, bucket: BucketRecord, now: Date): Lock {
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: hold } = request;
  const asks = mode !== undefined || until !== undefined || hold !== undefined;
  if (asks && !bucket.objectLock) throw noLockConfiguration();
  if ((mode === undefined) !== (until === undefined)) {
    throw invalidArgument(
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    );
  }
  const legalHold = hold === undefined ? undefined : readHold(hold);
  if (mode !== undefined && until !== undefined)
    return { retention: readRetention(mode, until, now), legalHold };
  return { retention: defaultRetention(bucket, now), legalHold };
}

export function readRetention(mode: string, until: Date, now: Date): Retention {
  if (until.getTime() <= now.getTime()) throw invalidArgument('The retain until date must be in the future!');
  return { mode: readMode(mode), until: until.toISOString() };
}

export function readMode(mode: string): LockMode {
  if (mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE')
    throw invalidArgument('Unknown wormMode directive.', 'x-amz-object-lock-mode', mode);
  return mode;
}

export function readHold(status: string): 'ON' | 'OFF' {
  if (status !== 'ON' && status !== 'OFF') throw invalidArgument('Legal Hold must be either of ON or OFF.');
  return status;
}

function defaultRetention(
  { objectLock, defaultRetention: rule }: BucketRecord,
  now: Date,
): Retention | undefined {
  if (!objectLock || !rule) return undefined;
  const until = new Date(now);
  if (rule.days !== undefined) until.setTime(now.getTime() + rule.days * DAY_MS);
  else until.setUTCFullYear(now.getUTCFullYear() + (rule.years ?? 0));
  return { mode: rule.mode, until: until.toISOString() };
}

export function isRetained({ retention }: ObjectVersion, now: Date): boolean {
  return retention !== undefined && Date.parse(retention.until) > now.getTime();
}

/**
 * Whether a version may be deleted now.
 * @param bypass the caller asked to bypass governance and may.
 * @throws AccessDenied
 */
export function checkDeletable(version: ObjectVersion, now: Date, bypass: boolean): void {
  if (version.legalHold === 'ON') throw protectedByLock();
  if (!isRetained(version, now)) return;
  if (version.retention?.mode === 'COMPLIANCE' || !bypass) throw protectedByLock();
}

/**
 * Whether a version's retention may be replaced by `wanted` (undefined removes it).
 * @throws AccessDenied when that would shorten or weaken what still holds.
 */
export function checkRetentionChange(
  version: ObjectVersion,
  wanted: Retention | undefined,
  now: Date,
  bypass: boolean,
): void {
  const { retention } = version;
  if (!retention || !isRetained(version, now)) return;
  const extends_ = wanted !== undefined && Date.parse(wanted.until) >= Date.parse(retention.until);
  const weakens = retention.mode === 'COMPLIANCE' && wanted?.mode !== 'COMPLIANCE';
  if (extends_ && !weakens) return;
  if (retention.mode === 'COMPLIANCE' || !bypass) throw protectedByLock();
}

/** Whole days left, for `s3:object-lock-remaining-retention-days`. */
export function remainingDays(retention: Retention, now: Date): number {
  return Math.ceil((Date.parse(retention.until) - now.getTime()) / DAY_MS);
}
