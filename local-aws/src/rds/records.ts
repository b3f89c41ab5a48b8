import type { ArchiveState } from '../pg/index.ts';
import type { Place } from '../platform.ts';

/** What is kept of each thing. JSON: instants are RFC 3339 text. */
export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export interface InstanceRecord extends Place {
  readonly id: string;
  readonly dbiResourceId: string;
  readonly status: string;
  readonly instanceClass: string;
  readonly engineVersion: string;
  readonly masterUsername: string;
  readonly dbName?: string | undefined;
  /** Loopback address that stands for an address of the subnet; `fenced` is false where that is not possible (macOS). */
  readonly address: string;
  readonly fenced: boolean;
  readonly port: number;
  readonly createdAt?: string | undefined;
  readonly allocatedStorage: number;
  readonly storageType: string;
  readonly encrypted: boolean;
  readonly kmsKeyArn?: string | undefined;
  readonly vpcId: string;
  readonly subnetGroup: string;
  readonly availabilityZone: string;
  readonly securityGroupIds: readonly string[];
  readonly parameterGroup: string;
  /** Left out: in sync. */
  readonly parameterStatus?: 'pending-reboot' | undefined;
  /** Left out: the default one. */
  readonly optionGroup?: string | undefined;
  readonly multiAz: boolean;
  readonly publiclyAccessible: boolean;
  readonly autoMinorVersionUpgrade: boolean;
  readonly deletionProtection: boolean;
  readonly copyTagsToSnapshot: boolean;
  readonly iamAuthentication: boolean;
  readonly backupRetentionPeriod: number;
  readonly backupWindow: string;
  readonly maintenanceWindow: string;
  /** Which windows somebody chose. Those that we made up never get in the way of a backup job. */
  readonly chosenWindows: { readonly backup: boolean; readonly maintenance: boolean };
  readonly caIdentifier: string;
  readonly engineLifecycleSupport: string;
  readonly tags: readonly Tag[];
  readonly masterSecret?: { readonly arn: string; readonly kmsKeyArn?: string | undefined } | undefined;
  readonly pending: PendingChanges;
  /** Since when changes wait for a maintenance window. */
  readonly pendingSince?: string | undefined;
  /** What is being applied now; taken up again after a crash. */
  readonly applying?: PendingChanges | undefined;
  /** Since when its server is down; RDS starts a stopped instance again after seven days. */
  readonly stoppedAt?: string | undefined;
  /** Since when its blocks are being loaded, by the real clock: a restored instance is slow at first. */
  readonly loadingSince?: string | undefined;
  /** A fault rule keeps its blocks from being loaded. */
  readonly loadingHeld?: true | undefined;
  /** The restore job of AWS Backup that made it. */
  readonly awsBackupJob?: string | undefined;
  /** Why it is in the dead end that its status names. */
  readonly failure?: string | undefined;
  /** Work that has to be taken up again after a crash. */
  readonly work?: InstanceWork | undefined;
  /** Set for members of an Aurora cluster, which have no storage of their own. */
  readonly member?: Membership | undefined;
}

export interface Membership {
  readonly clusterId: string;
  /** 0 to 15; the lowest becomes the writer when the writer goes. */
  readonly promotionTier: number;
}

export interface PendingChanges {
  /** SCRAM verifier of the new master password: the password itself is never kept. */
  readonly masterVerifier?: string | undefined;
  readonly instanceClass?: string | undefined;
  readonly allocatedStorage?: number | undefined;
  readonly multiAz?: boolean | undefined;
  /** Only from or to 0, which wait for the maintenance window; other changes hold at once. */
  readonly backupRetentionPeriod?: number | undefined;
  readonly caIdentifier?: string | undefined;
}

export type InstanceWork =
  | { readonly kind: 'create'; readonly masterVerifier: string }
  | { readonly kind: 'restore'; readonly snapshotKey: string }
  | {
      readonly kind: 'replay';
      readonly backupKey: string;
      /** Of the automated snapshot to begin with. */
      readonly snapshotKey: string;
      /** AWS's time; left out: everything there is. */
      readonly until?: string | undefined;
    }
  | { readonly kind: 'join' }
  | {
      readonly kind: 'delete';
      readonly finalSnapshotId?: string | undefined;
      readonly keepBackups?: boolean | undefined;
    };

export interface SnapshotRecord extends Place {
  readonly id: string;
  readonly type: 'manual' | 'automated' | 'awsbackup';
  /** Set for a base of replicated automated backups, which no describe call shows. */
  readonly replica?: boolean | undefined;
  readonly status: 'creating' | 'copying' | 'available' | 'upgrading' | 'failed' | 'deleting';
  /** The engine version that it is being upgraded to. */
  readonly upgradeTo?: string | undefined;
  readonly percent: number;
  /** Why it failed. */
  readonly failure?: string | undefined;
  /** Name of the folder that holds the bytes. */
  readonly folder: string;
  readonly bytes: number;
  /** When the data was cut; for a copy, when the copy was made. */
  readonly createdAt?: string | undefined;
  readonly originalCreatedAt?: string | undefined;
  readonly databaseTime?: string | undefined;
  /** Of the snapshot that this is a copy of. */
  readonly sourceArn?: string | undefined;
  /** Where the first snapshot of this data was taken from. */
  readonly instanceArn: string;
  /** The instance as it was then: what a restore starts from. */
  readonly instance: InstanceFacts;
  readonly encrypted: boolean;
  readonly kmsKeyArn?: string | undefined;
  /** Account ids that may copy or restore it. */
  readonly sharedWith: readonly string[];
  readonly tags: readonly Tag[];
}

export type InstanceFacts = Pick<
  InstanceRecord,
  | 'id'
  | 'dbiResourceId'
  | 'instanceClass'
  | 'engineVersion'
  | 'masterUsername'
  | 'dbName'
  | 'port'
  | 'createdAt'
  | 'allocatedStorage'
  | 'storageType'
  | 'vpcId'
  | 'subnetGroup'
  | 'availabilityZone'
  | 'securityGroupIds'
  | 'parameterGroup'
  | 'optionGroup'
  | 'multiAz'
  | 'publiclyAccessible'
  | 'autoMinorVersionUpgrade'
  | 'deletionProtection'
  | 'copyTagsToSnapshot'
  | 'iamAuthentication'
  | 'backupRetentionPeriod'
  | 'backupWindow'
  | 'caIdentifier'
>;

export interface SubnetGroupRecord extends Place {
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly tags: readonly Tag[];
}

export interface ParameterGroupRecord extends Place {
  readonly name: string;
  readonly family: string;
  readonly description: string;
  readonly tags: readonly Tag[];
  /** What somebody set, by name. */
  readonly parameters?: Readonly<Record<string, SetParameter>> | undefined;
}

export interface SetParameter {
  readonly value: string;
  readonly applyMethod: 'immediate' | 'pending-reboot';
}

export interface OptionGroupRecord extends Place {
  readonly name: string;
  readonly description: string;
  readonly majorVersion: string;
  readonly tags: readonly Tag[];
}

export interface RdsEvent extends Place {
  readonly at: string;
  readonly sourceType: 'db-instance' | 'db-snapshot' | 'db-cluster' | 'db-cluster-snapshot';
  readonly sourceId: string;
  readonly message: string;
  readonly categories: readonly string[];
}

/** Automated backups that outlived their instance, as an earlier version kept them. */
export interface RetainedBackup extends Place {
  readonly instance: InstanceRecord;
  readonly until: string;
}

/** What point-in-time restore needs of one instance, in the region where it lies: archived WAL, beside the automated snapshots. */
export interface AutomatedBackupRecord extends Place {
  /** `ab-…`, the last part of its ARN. */
  readonly id: string;
  /** `pending` and `replicating` are replicas in another region; `retained` has lost its instance, or is replicated no more. */
  readonly status: 'creating' | 'active' | 'retained' | 'pending' | 'replicating';
  /** As last known. */
  readonly instance: InstanceRecord;
  readonly retentionPeriod: number;
  readonly kmsKeyArn?: string | undefined;
  readonly archive?: ArchiveState | undefined;
  /** When this archive was begun: automated snapshots from before it lead nowhere. */
  readonly begunAt?: string | undefined;
  /** Of a retained one. */
  readonly until?: string | undefined;
  /** Of a replica: the region of the instance. */
  readonly sourceRegion?: string | undefined;
}
