import { join } from 'node:path';
import type { Platform } from '../../platform.ts';
import { arnOf } from '../../s3/access.ts';
import type { BucketRecord, ObjectVersion } from '../../s3/records.ts';
import type { S3Service } from '../../s3/service.ts';
import type { Call } from '../../wire/handlers.ts';
import { TYPICAL } from '../durations.ts';
import { JobFailure } from '../faults.ts';
import { keyOf, samePlace } from '../names.ts';
import { asJobFailure, toTags } from './jobs.ts';
import type { Outcome, Resource, ResourceKind } from './kind.ts';
import { Archives, type ArchiveHeader, type Source } from './s3-archive.ts';
import { usableKeys } from './s3-keys.ts';
import { readRestore, targetBucket } from './s3-metadata.ts';
import { restoreObjects } from './s3-restore.ts';
import { Work } from './work.ts';

/** S3 buckets: the current version of every object, with its metadata and tags. Needs versioning, as in AWS. */
export function s3Kind(platform: Platform, s3: S3Service): ResourceKind {
  const { store } = s3;
  const archives = new Archives(join(platform.stateDir, 'backup', 's3'));
  const work = new Work(platform);
  return {
    ...{ type: 'S3', fullyManaged: true, copiesInOneStep: true, airGapped: true },
    owns: (arn) => bucketName(arn) !== undefined,
    find(arn) {
      const bucket = store.buckets.get(bucketName(arn) ?? '');
      return bucket && describe(bucket);
    },
    all: (place) => [...store.buckets.values()].filter((bucket) => samePlace(bucket, place)).map(describe),

    address: (where, { id }) => ({
      arn: `arn:aws:backup:${where.region}:${where.accountId}:recovery-point:${id}`,
      snapshotKey: keyOf(where, id),
    }),

    requireBackup(_job, resource, call) {
      const bucket = must(resource.arn);
      asJobFailure('Access denied: ', () => {
        authorize(call, bucket, 's3:GetBucketVersioning');
        authorize(call, bucket, 's3:ListBucketVersions');
        authorize(call, bucket, 's3:GetObjectVersion', '*');
      });
      if (bucket.versioning !== 'Enabled')
        throw new JobFailure(
          `Bucket ${bucket.name} cannot be backed up: S3 Versioning must be enabled on it.`,
        );
    },

    async backUp(job, point) {
      const bucket = must(job.resourceArn);
      const usable = usableKeys(platform.keys, roleCall(job.iamRoleArn, job.region), 'kms:Decrypt');
      // The list is made at once, so that it is the bucket of one moment.
      const current = [...store.index(bucket.name).keys('', '')].flatMap((key): Source[] => {
        const version = store.index(bucket.name).current(key);
        if (!version || version.marker) return [];
        return [{ version, path: store.blobs.pathOf(version.blob) }];
      });
      const readable = current.filter(({ version: { encryption } }) => usable(encryption.kmsKeyArn));
      const failed = current.length - readable.length;
      // Bytes may have gone with a version that was deleted meanwhile.
      const isMissed = ({ key, versionId }: ObjectVersion) =>
        store.find(bucket.name, key, versionId) !== undefined;
      work.begin(point.snapshotKey, `backup of ${bucket.name}`, async (signal) => {
        const [header] = await Promise.all([
          archives.write(point.snapshotKey, { bucket, failed, isMissed, signal }, readable),
          platform.pace.take('backup.bucket', { typicalSeconds: TYPICAL.bucket, signal }),
        ]);
        return finished(header);
      });
    },

    requireCopy: () => undefined, // the bytes are AWS Backup's own: the vaults' policies and keys decide

    async copy(source, copy) {
      if (work.has(copy.snapshotKey) || archives.isComplete(copy.snapshotKey)) return;
      work.begin(copy.snapshotKey, `copy of ${source.arn}`, async (signal) => {
        const [{ bytes }] = await Promise.all([
          archives.copy(source.snapshotKey, copy.snapshotKey, signal),
          platform.pace.take('backup.bucketCopy', { typicalSeconds: TYPICAL.bucket, signal }),
        ]);
        return { ok: true, bytes };
      });
    },

    async settled({ snapshotKey }, signal) {
      const outcome = await work.outcome(snapshotKey, signal);
      if (outcome) return outcome;
      if (archives.isComplete(snapshotKey)) return finished(await archives.header(snapshotKey));
      return { ok: false, failure: 'The backup was interrupted by an internal failure.' };
    },

    percent: () => undefined,
    holds: ({ snapshotKey }) => archives.isComplete(snapshotKey),

    kept: () => archives.keys(),

    async discard({ snapshotKey }) {
      await work.stop(snapshotKey);
      await archives.remove(snapshotKey);
    },

    metadata: async ({ resourceArn }) => ({
      DestinationBucketName: bucketName(resourceArn) ?? '',
      Encrypted: 'true',
      EncryptionType: 'original',
      NewBucket: 'false',
    }),

    begun: ({ createdResourceArn }) => createdResourceArn,

    async restore(job, point, call) {
      const wanted = readRestore(job.metadata);
      const { bucket } = await archives.header(point.snapshotKey);
      const tags = job.copySourceTags ? bucket.tags : [];
      const target = await targetBucket(s3, { wanted, call, tags, since: job.createdAt });
      asJobFailure('Access denied: ', () => {
        authorize(call, target, 's3:ListBucketVersions');
        authorize(call, target, 's3:PutObject', '*');
      });
      return arnOf(target.name);
    },

    async restored(job, point, following) {
      const wanted = readRestore(job.metadata);
      const call = roleCall(job.iamRoleArn, job.region);
      const { signal } = following;
      const [{ sealed, unreadable }] = await Promise.all([
        restoreObjects({ platform, store, archives }, { wanted, key: point.snapshotKey, call, following }),
        platform.pace.take('backup.bucketRestore', { typicalSeconds: TYPICAL.bucket, signal }),
      ]);
      const message = missed('restored', sealed, unreadable);
      return message === undefined ? undefined : { event: 'S3_RESTORE_OBJECT_FAILED', message };
    },

    others: () => [],
  };

  function must(arn: string): BucketRecord {
    const bucket = store.buckets.get(bucketName(arn) ?? '');
    if (!bucket) throw new JobFailure(`The resource ${arn} does not exist.`);
    return bucket;
  }

  function roleCall(roleArn: string, region: string): Call {
    const call = platform.roles.callAs(roleArn, region, 's3', 'PutObject');
    if (!call) throw new JobFailure(`IAM Role ${roleArn} no longer exists.`);
    return call;
  }

  function authorize(call: Call, bucket: BucketRecord, action: string, key?: string): void {
    const { policy: resourcePolicy, accountId: ownerAccountId } = bucket;
    platform.authorize(call, action, arnOf(bucket.name, key), {}, { resourcePolicy, ownerAccountId });
  }
}

function finished({ bytes, failed, unreadable }: ArchiveHeader): Outcome {
  const message = missed('backed up', failed, unreadable);
  if (message === undefined) return { ok: true, bytes };
  return { ok: true, bytes, issue: { event: 'S3_BACKUP_OBJECT_FAILED', message } };
}

function missed(done: string, sealed: number, unreadable = 0): string | undefined {
  const reasons = [
    ...(sealed > 0 ? [`${sealed} objects could not be ${done}: their encryption key cannot be used.`] : []),
    ...(unreadable > 0 ? [`${unreadable} objects could not be ${done}: their bytes cannot be read.`] : []),
  ];
  return reasons.length === 0 ? undefined : reasons.join(' ');
}

function describe(bucket: BucketRecord): Resource {
  const { accountId, region, name, tags } = bucket;
  return {
    ...{ accountId, region, arn: arnOf(name), tags: toTags(tags), busy: undefined, keyArn: undefined },
  };
}

function bucketName(arn: string): string | undefined {
  return /^arn:aws[a-z-]*:s3:::([a-z0-9.-]{3,63})$/.exec(arn)?.[1];
}
