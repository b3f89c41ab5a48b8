import type { RdsContext } from '../../rds/context.ts';
import { keyOf, parseRdsArn, rdsArn } from '../../rds/names.ts';
import type { InstanceRecord, SnapshotRecord } from '../../rds/records.ts';
import { restoreFromSnapshot } from '../../rds/restore.ts';
import { tagContext } from '../../rds/tags.ts';
import { JobFailure } from '../faults.ts';
import { samePlace } from '../names.ts';
import type { PointRecord, RestoreJobRecord } from '../records.ts';
import { asJobFailure, toTagList, toTags } from './jobs.ts';
import type { Resource, ResourceKind } from './kind.ts';
import { metadataOf, restoreInput } from './rds-metadata.ts';
import { snapshotLife } from './snapshot-life.ts';
import { requireOutsideWindows } from './windows.ts';

const READY = new Set(['available', 'storage-optimization']);

/** RDS instances: AWS Backup does its work through RDS snapshots, in the name of the job's role. */
export function rdsKind(rds: RdsContext): ResourceKind {
  const { store, snapshots, platform } = rds;
  return {
    ...{ type: 'RDS', fullyManaged: false, copiesInOneStep: false, airGapped: false },
    ...snapshotLife(snapshots, store.snapshots),
    owns: (arn) => parseRdsArn(arn)?.kind === 'db',
    find(arn) {
      const instance = instanceOf(arn);
      return instance && describe(instance);
    },
    all: (place) =>
      [...store.instances.values()].filter((instance) => samePlace(instance, place)).map(describe),

    address(where, { id }, made) {
      const snapshotId = `awsbackup:${made}-${id.toLowerCase()}`;
      return { arn: rdsArn(where, 'snapshot', snapshotId), snapshotKey: keyOf(where, snapshotId) };
    },

    requireBackup(job, resource, call, now) {
      const instance = must(resource.arn);
      requireOutsideWindows(instance, now);
      const { arn } = this.address(job, job, 'job');
      asJobFailure('Access denied: ', () => {
        platform.authorize(call, 'rds:CreateDBSnapshot', resource.arn, tagContext([], instance.tags));
        platform.authorize(call, 'rds:CreateDBSnapshot', arn);
      });
    },

    async backUp(job, point) {
      const id = snapshotIdOf(point);
      await snapshots.take(must(job.resourceArn), { id, type: 'awsbackup', tags: toTagList(point.tags) });
    },

    requireCopy(point, call) {
      asJobFailure('Access Denied trying to call AWS Backup service: ', () =>
        platform.authorize(call, 'rds:CopyDBSnapshot', point.arn),
      );
    },

    async copy(source, copy) {
      if (store.snapshots.has(copy.snapshotKey)) return;
      const { accountId, region, keyArn: kmsKeyArn } = copy;
      const place = { accountId, region };
      const tags = toTagList(copy.tags);
      await snapshots.copy(snapshotOf(source), {
        ...{ place, id: snapshotIdOf(copy), type: 'awsbackup', tags, kmsKeyArn },
      });
    },

    metadata: async (point) => metadataOf(snapshotOf(point)),

    begun(job) {
      const instance = madeBy(job);
      return instance && rdsArn(instance, 'db', instance.id);
    },

    async restore(job, point, call) {
      const input = restoreInput(job.metadata, snapshotOf(point));
      const Tags = job.copySourceTags ? toTagList(point.sourceTags) : [];
      const target = rdsArn(job, 'db', input.DBInstanceIdentifier ?? '');
      try {
        if (Tags.length > 0) platform.authorize(call, 'rds:AddTagsToResource', target, tagContext(Tags));
        await restoreFromSnapshot(rds, { ...input, Tags }, call, job.id);
      } catch (cause) {
        throw new JobFailure(cause instanceof Error ? cause.message : String(cause));
      }
      const made = this.begun(job);
      if (made === undefined) throw new JobFailure('The instance was deleted while it was being restored.');
      return made;
    },

    async restored(job, _point, { signal }) {
      const instance = madeBy(job);
      const settled = instance && (await rds.fleet.settled(keyOf(instance, instance.id), signal));
      if (!settled || settled.status === 'deleting')
        throw new JobFailure('The instance was deleted while it was being restored.');
      if (settled.createdAt === undefined)
        throw new JobFailure(
          `The restore of ${settled.id} failed: the instance is ${settled.status}. ${settled.failure ?? ''}`,
        );
      return undefined;
    },

    others: (resourceArn, where) =>
      [...store.snapshots.values()]
        .filter(
          (record) =>
            samePlace(record, where) &&
            record.type === 'manual' &&
            record.instanceArn === resourceArn &&
            record.status === 'available',
        )
        .map((record) => ({
          RecoveryPointArn: rdsArn(record, 'snapshot', record.id),
          CreationDate: new Date(record.createdAt ?? 0),
          Status: 'AVAILABLE' as const,
          EncryptionKeyArn: record.kmsKeyArn,
          BackupSizeBytes: record.bytes,
          IsParent: false,
        })),
  };

  function instanceOf(arn: string): InstanceRecord | undefined {
    const parsed = parseRdsArn(arn);
    const instance = parsed?.kind === 'db' ? store.instance(parsed, parsed.id) : undefined;
    return instance?.member === undefined ? instance : undefined; // Aurora's instances have no data of their own
  }

  function must(arn: string): InstanceRecord {
    const instance = instanceOf(arn);
    if (!instance) throw new JobFailure(`The resource ${arn} does not exist.`);
    return instance;
  }

  function snapshotOf(point: PointRecord): SnapshotRecord {
    const snapshot = store.snapshots.get(point.snapshotKey);
    if (!snapshot) throw new JobFailure(`Recovery point ${point.arn} is no longer available.`);
    return snapshot;
  }

  /** The instance that this job made, also before a crash. */
  function madeBy(job: RestoreJobRecord): InstanceRecord | undefined {
    return [...store.instances.values()].find(({ awsBackupJob }) => awsBackupJob === job.id);
  }
}

function describe(instance: InstanceRecord): Resource {
  const { accountId, region, id, status, tags, kmsKeyArn } = instance;
  return {
    ...{ accountId, region, arn: rdsArn(instance, 'db', id), tags: toTags(tags), keyArn: kmsKeyArn },
    busy: READY.has(status)
      ? undefined
      : `DB instance ${id} is ${status}; the job waits for it to become available.`,
  };
}

function snapshotIdOf({ arn }: Pick<PointRecord, 'arn'>): string {
  return parseRdsArn(arn)?.id ?? arn;
}
