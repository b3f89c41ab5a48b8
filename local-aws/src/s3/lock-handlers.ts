import type * as S3 from '@aws-sdk/client-s3';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { invalidRequest, malformedXml, noLockConfiguration, s3Error } from './errors.ts';
import { checkRetentionChange, readHold, readMode, readRetention, remainingDays } from './lock.ts';
import { findVersion } from './read-handlers.ts';
import type { BucketRecord, DefaultRetention } from './records.ts';

export function lockHandlers(parts: S3Parts, access: S3Access) {
  const { store, clock } = parts;
  const lockBucket = (bucket: BucketRecord): void => {
    if (!bucket.objectLock) throw noLockConfiguration();
  };
  const target = (
    input: {
      Bucket?: string | undefined;
      Key?: string | undefined;
      VersionId?: string | undefined;
      ExpectedBucketOwner?: string | undefined;
    },
    call: Call,
    action: string,
    context: Record<string, string> = {},
  ) => {
    const bucket = access.bucket(call, input, action, input.Key ?? '', context);
    lockBucket(bucket);
    return { bucket, version: findVersion(parts, access, call, bucket, input.Key ?? '', input.VersionId) };
  };

  return {
    async PutObjectLockConfiguration(input, call) {
      const bucket = access.bucket(call, input, 's3:PutBucketObjectLockConfiguration');
      const { ObjectLockEnabled, Rule } = input.ObjectLockConfiguration ?? {};
      if (ObjectLockEnabled !== 'Enabled') throw malformedXml();
      if (bucket.versioning !== 'Enabled') {
        throw s3Error(
          'InvalidBucketState',
          409,
          "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
        );
      }
      await store.buckets.put(bucket.name, { ...bucket, objectLock: true, defaultRetention: readRule(Rule) });
      return {};
    },
    async GetObjectLockConfiguration(input, call) {
      const bucket = access.bucket(call, input, 's3:GetBucketObjectLockConfiguration');
      if (!bucket.objectLock) {
        throw s3Error(
          'ObjectLockConfigurationNotFoundError',
          404,
          'Object Lock configuration does not exist for this bucket',
        );
      }
      const rule = bucket.defaultRetention;
      const DefaultRetention = rule && { Mode: rule.mode, Days: rule.days, Years: rule.years };
      return {
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          ...(DefaultRetention ? { Rule: { DefaultRetention } } : {}),
        },
      };
    },
    async PutObjectRetention(input, call) {
      const { Mode, RetainUntilDate } = input.Retention ?? {};
      if ((Mode === undefined) !== (RetainUntilDate === undefined)) throw malformedXml();
      const now = clock.now();
      const context = retentionContext(Mode, RetainUntilDate, now);
      const { bucket, version } = target(input, call, 's3:PutObjectRetention', context);
      const wanted =
        Mode === undefined || RetainUntilDate === undefined
          ? undefined
          : readRetention(readMode(Mode), RetainUntilDate, now);
      const bypass =
        input.BypassGovernanceRetention === true &&
        access.may(call, bucket, 's3:BypassGovernanceRetention', version.key);
      checkRetentionChange(version, wanted, now, bypass);
      await store.update({ ...version, retention: wanted });
      return {};
    },
    async GetObjectRetention(input, call) {
      const { version } = target(input, call, 's3:GetObjectRetention');
      if (!version.retention) {
        throw s3Error(
          'NoSuchObjectLockConfiguration',
          404,
          'The specified object does not have a ObjectLock configuration',
        );
      }
      return {
        Retention: { Mode: version.retention.mode, RetainUntilDate: new Date(version.retention.until) },
      };
    },
    async PutObjectLegalHold(input, call) {
      const { version } = target(input, call, 's3:PutObjectLegalHold');
      if (input.LegalHold?.Status === undefined) throw malformedXml();
      await store.update({ ...version, legalHold: readHold(input.LegalHold.Status) });
      return {};
    },
    async GetObjectLegalHold(input, call) {
      const { version } = target(input, call, 's3:GetObjectLegalHold');
      if (version.legalHold === undefined) {
        throw s3Error(
          'NoSuchObjectLockConfiguration',
          404,
          'The specified object does not have a ObjectLock configuration',
        );
      }
      return { LegalHold: { Status: version.legalHold } };
    },
  } satisfies Handlers<typeof S3>;
}

function readRule(rule: S3.ObjectLockRule | undefined): DefaultRetention | undefined {
  if (!rule) return undefined;
  const { Mode, Days, Years } = rule.DefaultRetention ?? {};
  if (Mode === undefined || (Days === undefined) === (Years === undefined)) throw malformedXml();
  const amount = Days ?? Years ?? 0;
  if (amount <= 0)
    throw s3Error('InvalidArgument', 400, 'Default retention period must be a positive integer value.');
  if ((Days ?? 0) > 36_500 || (Years ?? 0) > 100)
    throw invalidRequest('Default retention period is too large');
  return { mode: readMode(Mode), days: Days, years: Years };
}

function retentionContext(
  mode: string | undefined,
  until: Date | undefined,
  now: Date,
): Record<string, string> {
  if (mode === undefined || until === undefined) return {};
  const days = remainingDays({ mode: 'COMPLIANCE', until: until.toISOString() }, now);
  return { 's3:object-lock-mode': mode, 's3:object-lock-remaining-retention-days': String(days) };
}
