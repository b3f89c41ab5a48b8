import type { Place } from '../platform.ts';
import type { Tag } from './records.ts';

/** What is kept of Aurora clusters and their snapshots. JSON: instants are RFC 3339 text. */
export interface ClusterRecord extends Place {
  readonly id: string;
  readonly resourceId: string;
  readonly status: string;
  readonly engineVersion: string;
  readonly masterUsername: string;
  readonly dbName?: string | undefined;
  /** Loopback address of the cluster endpoint; the writer listens there. */
  readonly address: string;
  /** Of the reader endpoint; the same as `address` where this computer has one loopback address only (`fenced: false`). */
  readonly readerAddress: string;
  readonly fenced: boolean;
  /** One for all endpoints, where there are addresses to tell them apart. */
  readonly port: number;
  readonly askedAt: string;
  /** When the storage was there. */
  readonly createdAt?: string | undefined;
  readonly encrypted: boolean;
  readonly kmsKeyArn?: string | undefined;
  readonly vpcId: string;
  readonly subnetGroup: string;
  readonly securityGroupIds: readonly string[];
  readonly parameterGroup: string;
  readonly storageType: string;
  readonly autoMinorVersionUpgrade: boolean;
  readonly deletionProtection: boolean;
  readonly copyTagsToSnapshot: boolean;
  readonly iamAuthentication: boolean;
  readonly backupRetentionPeriod: number;
  readonly backupWindow: string;
  readonly maintenanceWindow: string;
  /** Which windows somebody chose. Those that we made up never get in the way of a backup job. */
  readonly chosenWindows: { readonly backup: boolean; readonly maintenance: boolean };
  readonly engineLifecycleSupport: string;
  readonly serverlessScaling?: ServerlessScaling | undefined;
  readonly tags: readonly Tag[];
  readonly masterSecret?: { readonly arn: string; readonly kmsKeyArn?: string | undefined } | undefined;
  readonly pending: { readonly masterVerifier?: string | undefined };
  /** `DbiResourceId` of the member that writes. */
  readonly writer?: string | undefined;
  /** The restore job of AWS Backup that made it. */
  readonly awsBackupJob?: string | undefined;
  /** Why it is in the dead end that its status names. */
  readonly failure?: string | undefined;
  /** Work that has to be taken up again after a crash. */
  readonly work?: ClusterWork | undefined;
}

export interface ServerlessScaling {
  readonly MinCapacity?: number;
  readonly MaxCapacity?: number;
  readonly SecondsUntilAutoPause?: number;
}

export type ClusterWork =
  | { readonly kind: 'create'; readonly masterVerifier: string }
  /** From a cluster snapshot, or from the snapshot of an instance. */
  | { readonly kind: 'restore'; readonly from: 'cluster-snapshot' | 'snapshot'; readonly key: string }
  | { readonly kind: 'clone'; readonly key: string }
  | {
      readonly kind: 'replay';
      /** Of the archive, see `archiveKey`. */
      readonly backupKey: string;
      /** Of the automated snapshot to begin with. */
      readonly snapshotKey: string;
      /** AWS's time; left out: everything there is. */
      readonly until?: string | undefined;
    }
  /** `to` is a `DbiResourceId`. */
  | { readonly kind: 'failover'; readonly to: string }
  | { readonly kind: 'reset-master' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'start' }
  | { readonly kind: 'delete'; readonly finalSnapshotId?: string | undefined };

export interface ClusterSnapshotRecord extends Place {
  readonly id: string;
  readonly type: 'manual' | 'automated' | 'awsbackup';
  readonly status: 'creating' | 'copying' | 'available' | 'upgrading' | 'failed' | 'deleting';
  readonly percent: number;
  /** Why it failed. */
  readonly failure?: string | undefined;
  /** Name of the folder that holds the bytes. */
  readonly folder: string;
  readonly bytes: number;
  /** When the data was cut; for a copy, when the copy was made. */
  readonly createdAt?: string | undefined;
  /** When the data was cut, for copies too. */
  readonly databaseTime?: string | undefined;
  /** Of the snapshot that this is a copy of. */
  readonly sourceArn?: string | undefined;
  /** Where the first snapshot of this data was taken from. */
  readonly clusterArn: string;
  /** The cluster as it was then: what a restore starts from. */
  readonly cluster: ClusterFacts;
  readonly encrypted: boolean;
  readonly kmsKeyArn?: string | undefined;
  /** Account ids that may copy or restore it. */
  readonly sharedWith: readonly string[];
  readonly tags: readonly Tag[];
}

export const CLUSTER_FACTS = [
  ...(['id', 'resourceId', 'engineVersion', 'masterUsername', 'dbName', 'port', 'createdAt'] as const),
  ...(['vpcId', 'subnetGroup', 'securityGroupIds', 'parameterGroup', 'storageType'] as const),
  ...(['autoMinorVersionUpgrade', 'deletionProtection', 'copyTagsToSnapshot', 'iamAuthentication'] as const),
  ...(['backupRetentionPeriod', 'backupWindow'] as const),
] satisfies readonly (keyof ClusterRecord)[];

export type ClusterFacts = Pick<ClusterRecord, (typeof CLUSTER_FACTS)[number]>;

export function clusterFacts(cluster: ClusterRecord): ClusterFacts {
  return Object.fromEntries(CLUSTER_FACTS.map((name) => [name, cluster[name]])) as unknown as ClusterFacts;
}

export interface ClusterParameterGroupRecord extends Place {
  readonly name: string;
  readonly family: string;
  readonly description: string;
  readonly tags: readonly Tag[];
}
