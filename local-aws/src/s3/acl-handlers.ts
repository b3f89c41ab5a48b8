import type * as S3 from '@aws-sdk/client-s3';
import { notImplemented } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { malformedXml, noAccessLists, s3Error } from './errors.ts';
import { canonicalUser } from './owner.ts';
import { findVersion, versionContext } from './read-handlers.ts';

/** Access lists as S3 shows them for buckets that are BucketOwnerEnforced, which all are here: the owner has everything. */
export function aclHandlers(parts: S3Parts, access: S3Access) {
  const { store } = parts;
  const ownersOnly = (accountId: string) => {
    const owner = canonicalUser(accountId);
    const Grants: S3.Grant[] = [
      { Grantee: { ID: owner.ID, Type: 'CanonicalUser' }, Permission: 'FULL_CONTROL' },
    ];
    return { Owner: owner, Grants };
  };
  return {
    async GetBucketAcl(input, call) {
      return ownersOnly(access.bucket(call, input, 's3:GetBucketAcl').accountId);
    },
    async PutBucketAcl(input, call) {
      access.bucket(call, input, 's3:PutBucketAcl');
      throw noAccessLists();
    },
    async GetObjectAcl(input, call) {
      const { Key: key = '', VersionId: versionId } = input;
      const action = versionId === undefined ? 's3:GetObjectAcl' : 's3:GetObjectVersionAcl';
      const bucket = access.bucket(call, input, action, key, versionContext(versionId));
      findVersion(parts, access, call, bucket, key, versionId);
      return ownersOnly(bucket.accountId);
    },
    async PutObjectAcl(input, call) {
      const { Key: key = '', VersionId: versionId } = input;
      const action = versionId === undefined ? 's3:PutObjectAcl' : 's3:PutObjectVersionAcl';
      const bucket = access.bucket(call, input, action, key, versionContext(versionId));
      findVersion(parts, access, call, bucket, key, versionId);
      if (input.ACL === 'bucket-owner-full-control') return {};
      throw noAccessLists();
    },
    async PutBucketOwnershipControls(input, call) {
      const bucket = access.bucket(call, input, 's3:PutBucketOwnershipControls');
      const [rule, more] = input.OwnershipControls?.Rules ?? [];
      if (!rule || more) throw malformedXml();
      checkOwnership(rule.ObjectOwnership);
      await store.changeBucket(bucket, { ownershipControls: undefined });
      return {};
    },
    async GetBucketOwnershipControls(input, call) {
      const bucket = access.bucket(call, input, 's3:GetBucketOwnershipControls');
      if (bucket.ownershipControls === 'deleted')
        throw s3Error('OwnershipControlsNotFoundError', 404, 'The bucket ownership controls were not found', {
          BucketName: bucket.name,
        });
      return { OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' as const }] } };
    },
    async DeleteBucketOwnershipControls(input, call) {
      const bucket = access.bucket(call, input, 's3:PutBucketOwnershipControls');
      await store.changeBucket(bucket, { ownershipControls: 'deleted' });
      return {};
    },
  } satisfies Handlers<typeof S3>;
}

/** Only the ownership that new buckets have in AWS: the others would need access lists. */
export function checkOwnership(ownership: string | undefined): void {
  if (ownership === undefined || ownership === 'BucketOwnerEnforced') return;
  if (ownership !== 'BucketOwnerPreferred' && ownership !== 'ObjectWriter') throw malformedXml();
  throw notImplemented('s3', `object ownership ${ownership}: there are no access lists here`);
}
