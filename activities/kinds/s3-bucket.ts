import {
  DeleteBucketCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutBucketTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { DRILL_PREFIX, RESTORE_PREFIX, TAG } from '../../domain/names.ts';
import type { Policy, ProtectedResource } from '../../domain/policy/schema.ts';
import type { Condition } from '../../domain/requests.ts';
import { bucketHost } from '../aws/bucket.ts';
import { inAccount, type AwsClients } from '../aws/clients.ts';
import { isNamed, nameOf } from '../aws/errors.ts';
import { allPages } from '../aws/pages.ts';
import { failure } from '../failures.ts';
import type { DrillLeftover, ResourceDriver, RestoredState } from './driver.ts';
import { emptyBucket } from './s3-emptying.ts';
import { bucketSettings } from './s3-settings.ts';

const HTTPS = 443;

/** S3 buckets. AWS Backup restores the current version of every object to a new bucket of the drill account. */
export function s3Bucket(clients: AwsClients): ResourceDriver {
  const production = (policy: Policy): S3Client =>
    clients.s3(inAccount(policy, 'production', policy.backup.region));
  const drill = (policy: Policy): S3Client => clients.s3(inAccount(policy, 'drill', policy.drill.region));
  const copyOf = (policy: Policy, name: string) => ({
    Bucket: name,
    ExpectedBucketOwner: policy.accounts.drill.id,
  });
  const restoredArn = (_policy: Policy, name: string): string => `arn:aws:s3:::${name}`;

  async function exists(policy: Policy, name: string): Promise<boolean> {
    try {
      await drill(policy).send(new HeadBucketCommand(copyOf(policy, name)));
      return true;
    } catch (error) {
      if (isNamed(error, 'NotFound', 'NoSuchBucket')) return false;
      throw error;
    }
  }

  async function tags(policy: Policy, name: string): Promise<Record<string, string>> {
    try {
      const { TagSet = [] } = await drill(policy).send(new GetBucketTaggingCommand(copyOf(policy, name)));
      return Object.fromEntries(TagSet.map(({ Key = '', Value = '' }) => [Key, Value]));
    } catch (error) {
      if (isNamed(error, 'NoSuchTagSet')) return {};
      throw error;
    }
  }

  /** Listing keys is the prober's right alone: the control plane sees a source by its settings. */
  const versioning = (policy: Policy, resource: ProtectedResource) =>
    production(policy).send(
      new GetBucketVersioningCommand({
        Bucket: bucketName(resource.arn),
        ExpectedBucketOwner: policy.accounts.production.id,
      }),
    );

  return {
    kind: 's3-bucket',
    backupResourceType: 'S3',
    restoredArn,

    async describeSource(policy, resource) {
      const name = bucketName(resource.arn);
      try {
        const { Status } = await versioning(policy, resource);
        return {
          // S3 gives no other id: a bucket that was deleted and made again under its name is the same one to everybody.
          identity: { name: resource.name, kind: resource.kind, arn: resource.arn, immutableId: name },
          endpoint: { host: bucketHost(name, policy.backup.region), port: HTTPS },
          engineVersion: 'S3',
          status: Status === 'Enabled' ? 'versioned' : 'not versioned',
        };
      } catch (error) {
        if (!isNamed(error, 'NoSuchBucket', 'NotFound')) throw error;
        throw failure(
          'ResourceMissing',
          `${resource.name}: there is no bucket ${name}.`,
          { arn: resource.arn },
          error,
        );
      }
    },

    async discover(policy) {
      const region = policy.backup.region;
      const buckets = await listBuckets(production(policy), region);
      return buckets.map(({ name }) => ({ arn: `arn:aws:s3:::${name}`, immutableId: name }));
    },

    async conditions(policy, resource): Promise<Condition[]> {
      const subject = `${resource.name} (${resource.arn})`;
      const question =
        'Does the bucket exist, with versioning, without which AWS Backup does not back it up?';
      try {
        const { Status = 'never enabled' } = await versioning(policy, resource);
        return Status === 'Enabled'
          ? [{ subject, question, state: 'ok', saw: 'versioned', action: '' }]
          : [
              {
                ...{ subject, question, state: 'problem', saw: `versioning ${Status}` },
                action:
                  'Enable versioning (PutBucketVersioning), and a lifecycle rule for noncurrent versions.',
              },
            ];
      } catch (error) {
        const absent = isNamed(error, 'NoSuchBucket', 'NotFound');
        const action = absent
          ? 'Correct the ARN in the policy, or move the resource to `exclude`.'
          : 'Give the production role s3:GetBucketVersioning on it, then ask again.';
        return [{ subject, question, state: absent ? 'problem' : 'unknown', saw: nameOf(error), action }];
      }
    },

    // The keys of production cannot be used in the drill account; S3's own can.
    restoreMetadata: (_policy, _recorded, name) => ({
      ...{ DestinationBucketName: name, NewBucket: 'true', CreationToken: name },
      ...{ Encrypted: 'true', EncryptionType: 'SSE-S3' },
    }),

    async restoredState(policy, name): Promise<RestoredState> {
      if (!(await exists(policy, name))) return { state: 'absent', status: 'not found' };
      return {
        state: 'ready',
        status: 'there',
        endpoint: { host: bucketHost(name, policy.drill.region), port: HTTPS },
      };
    },

    async tagRestored(policy, name, more) {
      // A set of tags is replaced as a whole.
      const all = { ...(await tags(policy, name)), ...more };
      const TagSet = Object.entries(all).map(([Key, Value]) => ({ Key, Value }));
      await drill(policy).send(new PutBucketTaggingCommand({ ...copyOf(policy, name), Tagging: { TagSet } }));
    },

    // Whoever reads a bucket does so with the rights of its own role.
    resetAccess: async () => undefined,
    accessReady: async () => ({ secretArn: null }),

    settings: (policy, name) => bucketSettings(drill(policy), name, policy.accounts.drill.id),

    bootFacts: async () => ({ engineVersion: 'S3', logRead: false, logLines: 0, logFindings: [] }),

    async deleteRestored(policy, name, drillId) {
      if (!(await exists(policy, name))) return;
      const tag = (await tags(policy, name))[TAG.drill];
      const problems = [
        ...(name.startsWith(DRILL_PREFIX) || name.startsWith(RESTORE_PREFIX)
          ? []
          : ['its name is not one of ours']),
        ...(tag === drillId ? [] : [`its tag ${TAG.drill} is ${tag ?? 'missing'}, not ${drillId}`]),
      ];
      if (problems.length > 0)
        throw failure('ForeignResource', `Refused to delete ${name}: ${problems.join('; ')}.`, {
          name,
          problems,
        });
      await emptyBucket(drill(policy), name, policy.accounts.drill.id);
      try {
        await drill(policy).send(new DeleteBucketCommand(copyOf(policy, name)));
      } catch (error) {
        if (isNamed(error, 'NoSuchBucket')) return;
        if (isNamed(error, 'BucketNotEmpty', 'OperationAborted'))
          throw new Error(`${name} cannot be deleted just now: ${nameOf(error)}`, { cause: error });
        throw error;
      }
    },

    async leftovers(policy, name) {
      const there = await exists(policy, name);
      return [{ what: restoredArn(policy, name), absent: !there, seen: there ? 'still there' : 'NotFound' }];
    },

    async listRestored(policy): Promise<readonly DrillLeftover[]> {
      const buckets = await listBuckets(drill(policy), policy.drill.region);
      const ours = buckets.filter(
        ({ name }) => name.startsWith(DRILL_PREFIX) || name.startsWith(RESTORE_PREFIX),
      );
      return Promise.all(
        ours.map(async ({ name, createdAt }) => ({
          ...{ name, arn: restoredArn(policy, name), createdAt },
          tags: await tags(policy, name).catch((error: unknown) => {
            // Deleted since it was listed.
            if (isNamed(error, 'NoSuchBucket')) return null;
            throw error;
          }),
        })),
      );
    },
  };
}

function bucketName(arn: string): string {
  return arn.split(':').at(-1) ?? '';
}

export async function listBuckets(
  s3: S3Client,
  region: string,
): Promise<{ readonly name: string; readonly createdAt: string | null }[]> {
  const buckets = await allPages(async (ContinuationToken) => {
    const answer = await s3.send(
      new ListBucketsCommand({
        ...{ BucketRegion: region, MaxBuckets: 1000 },
        ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
      }),
    );
    return { items: answer.Buckets, next: answer.ContinuationToken };
  });
  return buckets.map(({ Name = '', CreationDate }) => ({
    name: Name,
    createdAt: CreationDate?.toISOString() ?? null,
  }));
}
