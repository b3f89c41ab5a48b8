import type * as S3 from '@aws-sdk/client-s3';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { arnOf } from './access.ts';
import { malformedXml, s3Error } from './errors.ts';
import type { BucketRecord } from './records.ts';

/** The region whose buckets carry no location constraint. */
const CLASSIC = 'us-east-1';

export function bucketHandlers({ store, clock, authorizer }: S3Parts, access: S3Access) {
  return {
    async CreateBucket(input, call) {
      refuseMembers('s3', 'CreateBucket', input, [
        'ACL',
        'GrantFullControl',
        'GrantRead',
        'GrantReadACP',
        'GrantWrite',
        'GrantWriteACP',
        'BucketNamespace',
      ]);
      const name = input.Bucket ?? '';
      authorizer.authorize(call, 's3:CreateBucket', arnOf(name), {}, { ownerAccountId: call.accountId });
      checkName(name);
      checkLocation(input.CreateBucketConfiguration?.LocationConstraint, call.region);
      const known = store.buckets.get(name);
      if (known && known.accountId !== call.accountId) {
        throw s3Error(
          'BucketAlreadyExists',
          409,
          'The requested bucket name is not available. The bucket namespace is shared by all users of the system.',
          { BucketName: name },
        );
      }
      if (known && known.region === CLASSIC && call.region === CLASSIC) return { Location: `/${name}` };
      if (known)
        throw s3Error(
          'BucketAlreadyOwnedByYou',
          409,
          'Your previous request to create the named bucket succeeded and you already own it.',
          { BucketName: name },
        );
      const objectLock = input.ObjectLockEnabledForBucket ?? false;
      const bucket: BucketRecord = {
        name,
        accountId: call.accountId,
        region: call.region,
        createdAt: clock.now().toISOString(),
        objectLock,
        defaultRetention: undefined,
        versioning: objectLock ? 'Enabled' : undefined,
        policy: undefined,
        publicAccessBlock: {
          BlockPublicAcls: true,
          IgnorePublicAcls: true,
          BlockPublicPolicy: true,
          RestrictPublicBuckets: true,
        },
        tags: (input.CreateBucketConfiguration?.Tags ?? []).map(({ Key = '', Value = '' }) => ({
          Key,
          Value,
        })),
        encryption: { algorithm: 'AES256', kmsKeyId: undefined, bucketKey: false },
      };
      await store.buckets.put(name, bucket);
      return { Location: call.region === CLASSIC ? `/${name}` : `http://${name}.s3.amazonaws.com/` };
    },
    async HeadBucket(input, call) {
      const bucket = access.bucket(call, input, 's3:ListBucket');
      return { BucketRegion: bucket.region };
    },
    async DeleteBucket(input, call) {
      const bucket = access.bucket(call, input, 's3:DeleteBucket');
      const uploads = [...store.uploads.values()].some((upload) => upload.bucket === bucket.name);
      if (!store.index(bucket.name).isEmpty || uploads) {
        throw s3Error(
          'BucketNotEmpty',
          409,
          'The bucket you tried to delete is not empty. You must delete all versions in the bucket.',
          { BucketName: bucket.name },
        );
      }
      await store.removeBucket(bucket.name);
      return {};
    },
    async ListBuckets(input, call) {
      authorizer.authorize(call, 's3:ListAllMyBuckets', '*', {}, { ownerAccountId: call.accountId });
      const { Prefix = '', BucketRegion, MaxBuckets = 10_000, ContinuationToken = '' } = input;
      const own = [...store.buckets.values()]
        .filter(
          (bucket) =>
            bucket.accountId === call.accountId &&
            bucket.name.startsWith(Prefix) &&
            (BucketRegion === undefined || bucket.region === BucketRegion),
        )
        .filter(({ name }) => name > ContinuationToken)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const page = own.slice(0, MaxBuckets);
      return {
        Buckets: page.map(({ name, createdAt, region }) => ({
          Name: name,
          CreationDate: new Date(createdAt),
          BucketRegion: region,
          BucketArn: arnOf(name),
        })),
        Owner: { ID: call.accountId },
        ...(page.length < own.length ? { ContinuationToken: page.at(-1)?.name } : {}),
      };
    },
    async GetBucketLocation(input, call) {
      const { region } = access.bucket(call, input, 's3:GetBucketLocation');
      return region === CLASSIC ? {} : { LocationConstraint: region as S3.BucketLocationConstraint };
    },
    async PutBucketVersioning(input, call) {
      refuseMembers('s3', 'PutBucketVersioning', input, ['MFA']);
      const bucket = access.bucket(call, input, 's3:PutBucketVersioning');
      const status = input.VersioningConfiguration?.Status;
      if (status !== 'Enabled' && status !== 'Suspended') throw malformedXml();
      if (status === 'Suspended' && bucket.objectLock) {
        throw s3Error(
          'InvalidBucketState',
          409,
          'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
        );
      }
      await store.buckets.put(bucket.name, { ...bucket, versioning: status });
      return {};
    },
    async GetBucketVersioning(input, call) {
      const { versioning } = access.bucket(call, input, 's3:GetBucketVersioning');
      return versioning === undefined ? {} : { Status: versioning };
    },
  } satisfies Handlers<typeof S3>;
}

function checkName(name: string): void {
  const valid =
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..') && !/^\d+(\.\d+){3}$/.test(name);
  if (!valid)
    throw s3Error('InvalidBucketName', 400, 'The specified bucket is not valid.', { BucketName: name });
}

function checkLocation(constraint: string | undefined, region: string): void {
  if (region === CLASSIC) {
    if (constraint === undefined) return;
    if (constraint === CLASSIC)
      throw s3Error('InvalidLocationConstraint', 400, 'The specified location-constraint is not valid', {
        LocationConstraint: constraint,
      });
  }
  if (constraint !== region) {
    const what = constraint ?? 'unspecified';
    throw s3Error(
      'IllegalLocationConstraintException',
      400,
      `The ${what} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    );
  }
}
