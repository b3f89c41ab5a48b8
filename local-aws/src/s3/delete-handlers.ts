import type * as S3 from '@aws-sdk/client-s3';
import { AwsError, refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { checkDelete } from './conditions.ts';
import { invalidArgument, malformedXml, s3Error } from './errors.ts';
import { checkDeletable } from './lock.ts';
import { versionContext } from './read-handlers.ts';
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
    { bypass, ifMatch }: { readonly bypass: boolean; readonly ifMatch: string | undefined },
  ): Promise<Deletion> => {
    if (versionId === undefined) {
      access.authorize(
        call,
        bucket,
        's3:DeleteObject',
        key,
        ifMatch === undefined ? {} : { 's3:if-match': ifMatch },
      );
      checkDelete(ifMatch, store.index(bucket.name).current(key), key);
      if (bucket.versioning !== undefined)
        return { versionId: (await store.addMarker(bucket, key)).versionId, marker: true };
      const only = store.index(bucket.name).current(key);
      if (only) await store.erase(only);
      return { versionId: undefined, marker: false };
    }
    access.authorize(call, bucket, 's3:DeleteObjectVersion', key, versionContext(versionId));
    if (!isVersionId(versionId))
      throw invalidArgument('Invalid version id specified', 'versionId', versionId);
    const version = store.find(bucket.name, key, versionId);
    checkDelete(ifMatch, version, key);
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
      const { versionId, marker } = await remove(bucket, Key, VersionId, call, {
        bypass: BypassGovernanceRetention,
        ifMatch: input.IfMatch,
      });
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
      for (const { Key = '', VersionId, ...conditions } of Objects) {
        try {
          refuseMembers('s3', 'DeleteObjects', conditions, ['LastModifiedTime', 'Size']);
          if (Key === '') throw s3Error('UserKeyMustBeSpecified', 400, 'A key must be specified.');
          const { versionId, marker } = await remove(bucket, Key, VersionId, call, {
            bypass: input.BypassGovernanceRetention ?? false,
            ifMatch: conditions.ETag,
          });
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
