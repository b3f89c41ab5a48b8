import type { ClusterContext } from '../../rds/cluster-context.ts';
import type { ClusterRecord, ClusterSnapshotRecord } from '../../rds/cluster-records.ts';
import { restoreClusterFromSnapshot } from '../../rds/cluster-restore.ts';
import { keyOf, parseRdsArn, rdsArn } from '../../rds/names.ts';
import { tagContext } from '../../rds/tags.ts';
import { JobFailure } from '../faults.ts';
import { samePlace } from '../names.ts';
import type { PointRecord, RestoreJobRecord } from '../records.ts';
import { auroraMetadata, auroraRestoreInput } from './aurora-metadata.ts';
import { asJobFailure, toTagList, toTags } from './jobs.ts';
import type { Resource, ResourceKind } from './kind.ts';
import { snapshotLife } from './snapshot-life.ts';

/** Aurora clusters, through cluster snapshots. RDS's backup and maintenance windows are no obstacle to them. */
export function auroraKind(rds: ClusterContext): ResourceKind {
  const { store, clusterSnapshots, platform } = rds;
  return {
    ...{ type: 'Aurora', fullyManaged: false, copiesInOneStep: false, airGapped: true },
    ...snapshotLife(clusterSnapshots, store.clusterSnapshots),
    owns: (arn) => parseRdsArn(arn)?.kind === 'cluster',
    find(arn) {
      const cluster = clusterOf(arn);
      return cluster && describe(cluster);
    },
    all: (place) => [...store.clusters.values()].filter((cluster) => samePlace(cluster, place)).map(describe),

    address(where, { id }, made) {
      const snapshotId = `awsbackup:${made}-${id.toLowerCase()}`;
      return { arn: rdsArn(where, 'cluster-snapshot', snapshotId), snapshotKey: keyOf(where, snapshotId) };
    },

    requireBackup(job, resource, call) {
      const { arn } = this.address(job, job, 'job');
      asJobFailure('Access denied: ', () => {
        const tags = tagContext([], toTagList(resource.tags));
        platform.authorize(call, 'rds:CreateDBClusterSnapshot', resource.arn, tags);
        platform.authorize(call, 'rds:CreateDBClusterSnapshot', arn);
      });
    },

    async backUp(job, point) {
      const cluster = clusterOf(job.resourceArn);
      if (!cluster) throw new JobFailure(`The resource ${job.resourceArn} does not exist.`);
      const tags = toTagList(point.tags);
      await clusterSnapshots.take(cluster, { id: snapshotIdOf(point), type: 'awsbackup', tags });
    },

    requireCopy(point, call) {
      asJobFailure('Access Denied trying to call AWS Backup service: ', () =>
        platform.authorize(call, 'rds:CopyDBClusterSnapshot', point.arn),
      );
    },

    async copy(source, copy) {
      if (store.clusterSnapshots.has(copy.snapshotKey)) return;
      const { accountId, region, keyArn: kmsKeyArn } = copy;
      const place = { accountId, region };
      const tags = toTagList(copy.tags);
      await clusterSnapshots.copy(snapshotOf(source), {
        ...{ place, id: snapshotIdOf(copy), type: 'awsbackup', tags, kmsKeyArn },
      });
    },

    metadata: async (point) => auroraMetadata(snapshotOf(point)),

    begun(job) {
      const cluster = madeBy(job);
      return cluster && rdsArn(cluster, 'cluster', cluster.id);
    },

    async restore(job, point, call) {
      const input = auroraRestoreInput(job.metadata, snapshotOf(point), point.arn);
      const Tags = job.copySourceTags ? toTagList(point.sourceTags) : [];
      const target = rdsArn(job, 'cluster', input.DBClusterIdentifier ?? '');
      try {
        if (Tags.length > 0) platform.authorize(call, 'rds:AddTagsToResource', target, tagContext(Tags));
        await restoreClusterFromSnapshot(rds, { ...input, Tags }, call, job.id);
      } catch (cause) {
        throw new JobFailure(cause instanceof Error ? cause.message : String(cause));
      }
      const made = this.begun(job);
      if (made === undefined) throw new JobFailure('The cluster was deleted while it was being restored.');
      return made;
    },

    async restored(job, _point, { signal }) {
      const cluster = madeBy(job);
      const settled = cluster && (await rds.clusters.settled(keyOf(cluster, cluster.id), signal));
      if (!settled || settled.status === 'deleting')
        throw new JobFailure('The cluster was deleted while it was being restored.');
      if (settled.createdAt === undefined)
        throw new JobFailure(
          `The restore of ${settled.id} failed: the cluster is ${settled.status}. ${settled.failure ?? ''}`,
        );
      return undefined;
    },

    others: (resourceArn, where) =>
      [...store.clusterSnapshots.values()]
        .filter(
          (record) =>
            samePlace(record, where) &&
            record.type === 'manual' &&
            record.clusterArn === resourceArn &&
            record.status === 'available',
        )
        .map((record) => ({
          RecoveryPointArn: rdsArn(record, 'cluster-snapshot', record.id),
          CreationDate: new Date(record.createdAt ?? 0),
          Status: 'AVAILABLE' as const,
          EncryptionKeyArn: record.kmsKeyArn,
          BackupSizeBytes: record.bytes,
          IsParent: false,
        })),
  };

  function clusterOf(arn: string): ClusterRecord | undefined {
    const parsed = parseRdsArn(arn);
    return parsed?.kind === 'cluster' ? store.clusters.get(keyOf(parsed, parsed.id)) : undefined;
  }

  function snapshotOf(point: PointRecord): ClusterSnapshotRecord {
    const snapshot = store.clusterSnapshots.get(point.snapshotKey);
    if (!snapshot) throw new JobFailure(`Recovery point ${point.arn} is no longer available.`);
    return snapshot;
  }

  /** The cluster that this job made, also before a crash. */
  function madeBy(job: RestoreJobRecord): ClusterRecord | undefined {
    return [...store.clusters.values()].find(({ awsBackupJob }) => awsBackupJob === job.id);
  }
}

function describe(cluster: ClusterRecord): Resource {
  const { accountId, region, id, status, tags, kmsKeyArn } = cluster;
  return {
    ...{ accountId, region, arn: rdsArn(cluster, 'cluster', id), tags: toTags(tags), keyArn: kmsKeyArn },
    busy:
      status === 'available'
        ? undefined
        : `DB cluster ${id} is ${status}; the job waits for it to become available.`,
  };
}

function snapshotIdOf({ arn }: Pick<PointRecord, 'arn'>): string {
  return parseRdsArn(arn)?.id ?? arn;
}
