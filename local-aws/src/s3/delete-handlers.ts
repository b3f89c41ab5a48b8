import type * as S3 from '@aws-sdk/client-s3';
import { AwsError, refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { checkWrite } from './conditions.ts';
import { invalidArgument, malformedXml } from './errors.ts';
import { checkDeletable } from './lock.ts';
import type { BucketRecord } from './records.ts';
import { isVersionId } from './store.ts';

interface Deletion {
  readonly versionId: string | undefined;
  /** A marker was made or removed. */
  readonly marker: boolean;
}

const MAX_KEYS = 1000;

export function deleteHandlers({ store, clock }: S3Parts, access: S3Access) {
  /** Without a version id a marker is put on top, lock or no lock; with one, the version goes, if its lock allows. */
  const remove = async (
    bucket: BucketRecord,
    key: string,
    versionId: string | undefined,
    call: Call,
    bypass: boolean,
  ): Promise<Deletion> => {
    if (versionId === undefined) {
      access.authorize(call, bucket, 's3:DeleteObject', key);
      if (bucket.versioning !== undefined)
        return { versionId: (await store.addMarker(bucket, key)).versionId, marker: true };
      const only = store.index(bucket.name).current(key);
      if (only) await store.erase(only);
      return { versionId: undefined, marker: false };
    }
    access.authorize(call, bucket, 's3:DeleteObjectVersion', key);
    if (!isVersionId(versionId))
      throw invalidArgument('Invalid version id specified', 'versionId', versionId);
    const version = store.find(bucket.name, key, versionId);
    if (!version) return { versionId, marker: false };
    if (!version.marker) checkDeletable(version, clock.now(), bypass && mayBypass(bucket, key, call));
    await store.erase(version);
    return { versionId, marker: version.marker };
  };
  const mayBypass = (bucket: BucketRecord, key: string, call: Call): boolean => {
    if (!bucket.objectLock)
      throw invalidArgument(
        'x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.',
      );
    return access.may(call, bucket, 's3:BypassGovernanceRetention', key);
  };
  const located = (
    input: { Bucket?: string | undefined; ExpectedBucketOwner?: string | undefined },
    call: Call,
  ): BucketRecord => access.locate(call, input);

  return {
    async DeleteObject(input, call) {
      refuseMembers('s3', 'DeleteObject', input, ['MFA', 'IfMatchLastModifiedTime', 'IfMatchSize']);
      const { Key = '', VersionId, BypassGovernanceRetention = false } = input;
      const bucket = located(input, call);
      if (BypassGovernanceRetention && !bucket.objectLock) mayBypass(bucket, Key, call);
      if (input.IfMatch !== undefined)
        checkWrite({ IfMatch: input.IfMatch }, store.index(bucket.name).current(Key), Key);
      const { versionId, marker } = await remove(bucket, Key, VersionId, call, BypassGovernanceRetention);
      return {
        ...(versionId === undefined ? {} : { VersionId: versionId }),
        ...(marker ? { DeleteMarker: true } : {}),
      };
    },
    async DeleteObjects(input, call) {
      refuseMembers('s3', 'DeleteObjects', input, ['MFA']);
      const bucket = located(input, call);
      const { Objects = [], Quiet = false } = input.Delete ?? {};
      if (Objects.length === 0 || Objects.length > MAX_KEYS) throw malformedXml();
      const Deleted: S3.DeletedObject[] = [];
      const Errors: S3._Error[] = [];
      for (const { Key = '', VersionId } of Objects) {
        try {
          const { versionId, marker } = await remove(
            bucket,
            Key,
            VersionId,
            call,
            input.BypassGovernanceRetention ?? false,
          );
          if (Quiet) continue;
          Deleted.push({
            Key,
            ...(VersionId === undefined ? {} : { VersionId }),
            ...(marker ? { DeleteMarker: true, DeleteMarkerVersionId: versionId } : {}),
          });
        } catch (err) {
          if (!(err instanceof AwsError)) throw err;
          Errors.push({
            Key,
            Code: err.code,
            Message: err.message,
            ...(VersionId === undefined ? {} : { VersionId }),
          });
        }
      }
      return { Deleted, Errors };
    },
  } satisfies Handlers<typeof S3>;
}
