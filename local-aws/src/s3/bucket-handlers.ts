import type * as S3 from '@aws-sdk/client-s3';
import { notImplemented, refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import { arnOf, type S3Access, type S3Parts } from './access.ts';
import { checkOwnership } from './acl-handlers.ts';
import { checkTags } from './content.ts';
import { invalidArgument, malformedXml, s3Error } from './errors.ts';
import { canonicalUser } from './owner.ts';
import type { BucketRecord } from './records.ts';

/** The region whose buckets carry no location constraint. */
const CLASSIC = 'us-east-1';

export function bucketHandlers({ store, clock, authorizer }: S3Parts, access: S3Access) {
  return {
    async CreateBucket(input, call) {
      refuseMembers('s3', 'CreateBucket', input, ['BucketNamespace']);
      checkOwnership(input.ObjectOwnership);
      refuseGrants(input);
      const name = input.Bucket ?? '';
      authorizer.authorize(call, 's3:CreateBucket', arnOf(name), {}, { ownerAccountId: call.accountId });
      checkName(name);
      const {
        LocationConstraint,
        Location,
        Bucket: directory,
        Tags = [],
      } = input.CreateBucketConfiguration ?? {};
      if (Location !== undefined || directory !== undefined) throw notImplemented('s3', 'directory buckets');
      const region = regionFor(LocationConstraint, call.region);
      const known = store.buckets.get(name);
      if (known && known.accountId !== call.accountId) {
        throw s3Error(
          'BucketAlreadyExists',
          409,
          'The requested bucket name is not available. The bucket namespace is shared by all users of the system.',
          { BucketName: name },
        );
      }
      if (known?.region === CLASSIC && region === CLASSIC)
        return { Location: `/${name}`, BucketArn: arnOf(name) };
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
        region,
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
        tags: checkTags(Tags, 50),
        encryption: { algorithm: 'AES256', kmsKeyId: undefined, bucketKey: false },
      };
      await store.buckets.put(name, bucket);
      const location = call.region === CLASSIC ? `/${name}` : `http://${name}.s3.amazonaws.com/`;
      return { Location: location, BucketArn: arnOf(name) };
    },
    async HeadBucket(input, call) {
      const bucket = access.bucket(call, input, 's3:ListBucket');
      return { BucketRegion: bucket.region, BucketArn: arnOf(bucket.name), AccessPointAlias: false };
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
      const { Prefix = '', BucketRegion, MaxBuckets = 10_000, ContinuationToken } = input;
      if (!Number.isInteger(MaxBuckets) || MaxBuckets < 1 || MaxBuckets > 10_000)
        throw invalidArgument(
          'Argument max-buckets must be an integer between 1 and 10000',
          'max-buckets',
          String(MaxBuckets),
        );
      const after = ContinuationToken === undefined ? '' : fromToken(ContinuationToken);
      const own = [...store.buckets.values()]
        .filter(
          (bucket) =>
            bucket.accountId === call.accountId &&
            bucket.name.startsWith(Prefix) &&
            (BucketRegion === undefined || bucket.region === BucketRegion),
        )
        .filter(({ name }) => name > after)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const page = own.slice(0, MaxBuckets);
      return {
        Buckets: page.map(({ name, createdAt, region }) => ({
          Name: name,
          CreationDate: new Date(createdAt),
          BucketRegion: region,
          BucketArn: arnOf(name),
        })),
        Owner: canonicalUser(call.accountId),
        ...(input.Prefix === undefined ? {} : { Prefix }),
        ...(page.length < own.length
          ? { ContinuationToken: Buffer.from(page.at(-1)?.name ?? '').toString('base64') }
          : {}),
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
      if (status === 'Suspended' && bucket.replication)
        throw s3Error(
          'InvalidBucketState',
          409,
          'A replication configuration is present on this bucket, so you cannot change the versioning state. To change the versioning state, first delete the replication configuration.',
        );
      await store.changeBucket(bucket, { versioning: status });
      return {};
    },
    async GetBucketVersioning(input, call) {
      const { versioning } = access.bucket(call, input, 's3:GetBucketVersioning');
      return versioning === undefined ? {} : { Status: versioning };
    },
  } satisfies Handlers<typeof S3>;
}

/** Names that S3 keeps for itself. */
const RESERVED = /^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/;

function checkName(name: string): void {
  const valid =
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes('..') &&
    !/^\d+(\.\d+){3}$/.test(name) &&
    !RESERVED.test(name);
  if (!valid)
    throw s3Error('InvalidBucketName', 400, 'The specified bucket is not valid.', { BucketName: name });
}

/** The classic endpoint makes buckets anywhere, every other in its own region only. */
function regionFor(constraint: string | undefined, endpoint: string): string {
  const wanted = constraint === 'EU' ? 'eu-west-1' : constraint;
  if (endpoint === CLASSIC) {
    if (wanted === undefined) return CLASSIC;
    if (wanted === CLASSIC || !/^[a-z]{2}(-[a-z]+)+-\d$/.test(wanted))
      throw s3Error('InvalidLocationConstraint', 400, 'The specified location-constraint is not valid', {
        LocationConstraint: wanted,
      });
    return wanted;
  }
  if (wanted === endpoint) return endpoint;
  throw s3Error(
    'IllegalLocationConstraintException',
    400,
    `The ${wanted ?? 'unspecified'} location constraint is incompatible for the region specific endpoint this request was sent to.`,
  );
}

/** A new bucket is BucketOwnerEnforced; of all access lists it takes only the one that says so. */
function refuseGrants(input: S3.CreateBucketCommandInput): void {
  const { ACL, GrantFullControl, GrantRead, GrantReadACP, GrantWrite, GrantWriteACP } = input;
  const grants = [GrantFullControl, GrantRead, GrantReadACP, GrantWrite, GrantWriteACP];
  if ((ACL === undefined || ACL === 'private') && grants.every((grant) => grant === undefined)) return;
  throw s3Error(
    'InvalidBucketAclWithObjectOwnership',
    400,
    "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
  );
}

function fromToken(token: string): string {
  const text = Buffer.from(token, 'base64').toString();
  if (text === '' || Buffer.from(text).toString('base64') !== token)
    throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
  return text;
}
