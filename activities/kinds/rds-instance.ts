import {
  AddTagsToResourceCommand,
  DBInstanceNotFoundFault,
  DeleteDBInstanceCommand,
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBInstancesCommand,
  InvalidDBInstanceStateFault,
  ModifyDBInstanceCommand,
  type DBInstance,
} from '@aws-sdk/client-rds';
import { DRILL_PREFIX, RESTORE_PREFIX, TAG } from '../../domain/names.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import { inAccount, type AwsClients } from '../aws/clients.ts';
import { allPages } from '../aws/pages.ts';
import { failure } from '../failures.ts';
import { readBootLog } from './rds-boot-log.ts';
import { rdsConditions } from './rds-conditions.ts';
import type { DrillLeftover, Endpoint, ResourceDriver, RestoredState, Source } from './driver.ts';

/** Statuses from which a restored instance never becomes usable; SDK waiters would hang on several (contract §2.7, §6.3). */
const DEAD =
  /^(failed|restore-error|incompatible-.*|insufficient-capacity|inaccessible-encryption-credentials.*|storage-full|deleting|stopped)$/;

/** Amazon RDS for PostgreSQL, single instances. */
export function rdsInstance(clients: AwsClients): ResourceDriver {
  const production = (policy: Policy) => clients.rds(inAccount(policy, 'production', policy.backup.region));
  const drill = (policy: Policy) => clients.rds(inAccount(policy, 'drill', policy.drill.region));

  async function find(policy: Policy, name: string): Promise<DBInstance | undefined> {
    try {
      const { DBInstances } = await drill(policy).send(
        new DescribeDBInstancesCommand({ DBInstanceIdentifier: name }),
      );
      if (DBInstances === undefined) throw new Error('RDS answered DescribeDBInstances without a list');
      return DBInstances[0];
    } catch (error) {
      if (error instanceof DBInstanceNotFoundFault) return undefined;
      throw error;
    }
  }

  async function mustFind(policy: Policy, name: string): Promise<DBInstance> {
    const instance = await find(policy, name);
    if (instance === undefined)
      throw failure('RestoreFailed', `The restored instance ${name} has disappeared from the drill account.`);
    return instance;
  }

  const restoredArn = (policy: Policy, name: string): string =>
    `arn:aws:rds:${policy.drill.region}:${policy.accounts.drill.id}:db:${name}`;

  return {
    kind: 'rds-instance',
    backupResourceType: 'RDS',
    restoredArn,

    async describeSource(policy, resource): Promise<Source> {
      const id = resource.arn.split(':').at(-1) ?? '';
      let instance: DBInstance | undefined;
      try {
        const answer = await production(policy).send(
          new DescribeDBInstancesCommand({ DBInstanceIdentifier: id }),
        );
        instance = answer.DBInstances?.[0];
      } catch (error) {
        if (!(error instanceof DBInstanceNotFoundFault)) throw error;
        throw failure(
          'ResourceMissing',
          `${resource.name}: there is no instance ${resource.arn}.`,
          { arn: resource.arn },
          error,
        );
      }
      const endpoint = endpointOf(instance);
      if (instance?.DbiResourceId === undefined || endpoint === undefined)
        throw failure(
          'SourceNotReady',
          `${resource.name} is ${instance?.DBInstanceStatus ?? 'in an unknown state'} and has no endpoint.`,
        );
      return {
        identity: {
          name: resource.name,
          kind: resource.kind,
          arn: resource.arn,
          immutableId: instance.DbiResourceId,
        },
        endpoint,
        engineVersion: instance.EngineVersion ?? 'unknown',
        status: instance.DBInstanceStatus ?? 'unknown',
      };
    },

    async discover(policy) {
      const instances = await allPages(async (Marker) => {
        const answer = await production(policy).send(
          new DescribeDBInstancesCommand({ MaxRecords: 100, ...(Marker === undefined ? {} : { Marker }) }),
        );
        return { items: answer.DBInstances, next: answer.Marker };
      });
      // Members of Aurora clusters are protected as their cluster.
      return instances
        .filter(({ DBClusterIdentifier }) => DBClusterIdentifier === undefined)
        .map(({ DBInstanceArn = '', DbiResourceId = '' }) => ({
          arn: DBInstanceArn,
          immutableId: DbiResourceId,
        }));
    },

    conditions: (policy, resource) => rdsConditions(clients, policy, resource),

    restoreMetadata(policy, recorded, name) {
      const dropped = ['DBSnapshotIdentifier', 'DBClusterIdentifier', 'AvailabilityZone', 'VpcId'];
      const kept = Object.fromEntries(Object.entries(recorded).filter(([key]) => !dropped.includes(key)));
      return {
        ...kept,
        DBInstanceIdentifier: name,
        DBInstanceClass: policy.drill.instanceClass,
        DBSubnetGroupName: policy.drill.subnetGroup,
        VpcSecurityGroupIds: JSON.stringify(policy.drill.securityGroups),
        MultiAZ: 'false',
        PubliclyAccessible: 'false',
        DeletionProtection: 'false',
        AutoMinorVersionUpgrade: 'false',
        CopyTagsToSnapshot: 'false',
      };
    },

    async restoredState(policy, name): Promise<RestoredState> {
      const instance = await find(policy, name);
      if (instance === undefined) return { state: 'absent', status: 'not found' };
      const status = instance.DBInstanceStatus ?? 'unknown';
      const endpoint = endpointOf(instance);
      if (status === 'available' && endpoint !== undefined) return { state: 'ready', status, endpoint };
      return { state: DEAD.test(status) ? 'dead' : 'waiting', status };
    },

    async tagRestored(policy, name, tags) {
      const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      await drill(policy).send(
        new AddTagsToResourceCommand({ ResourceName: restoredArn(policy, name), Tags }),
      );
    },

    async resetAccess(policy, name) {
      const { MasterUserSecret } = await mustFind(policy, name);
      if (MasterUserSecret !== undefined) return; // an earlier attempt of ours
      await drill(policy).send(
        new ModifyDBInstanceCommand({
          DBInstanceIdentifier: name,
          ManageMasterUserPassword: true,
          ApplyImmediately: true,
        }),
      );
    },

    async accessReady(policy, name) {
      const { DBInstanceStatus, MasterUserSecret, PendingModifiedValues } = await mustFind(policy, name);
      const pending = PendingModifiedValues?.MasterUserPassword !== undefined;
      const active = MasterUserSecret?.SecretStatus === 'active';
      return DBInstanceStatus === 'available' && active && !pending
        ? (MasterUserSecret.SecretArn ?? null)
        : null;
    },

    async settings(policy, name) {
      const instance = await mustFind(policy, name);
      const subnetGroup = instance.DBSubnetGroup?.DBSubnetGroupName ?? '';
      const groups = (instance.VpcSecurityGroups ?? [])
        .map(({ VpcSecurityGroupId = '' }) => VpcSecurityGroupId)
        .sort();
      const expected = [...policy.drill.securityGroups].sort();
      const problems = [
        ...(instance.PubliclyAccessible === false ? [] : ['the copy is publicly accessible']),
        ...(instance.MultiAZ === false ? [] : ['the copy is Multi-AZ, which costs double']),
        ...(subnetGroup === policy.drill.subnetGroup
          ? []
          : [`the copy is in subnet group "${subnetGroup}", not "${policy.drill.subnetGroup}"`]),
        ...(groups.join() === expected.join()
          ? []
          : [`the copy has security groups ${groups.join()}, not ${expected.join()}`]),
        ...(instance.StorageEncrypted === true
          ? []
          : ['the copy is not encrypted with a key of this account']),
      ];
      const facts = {
        publiclyAccessible: instance.PubliclyAccessible ?? 'unknown',
        multiAz: instance.MultiAZ ?? 'unknown',
        subnetGroup,
        vpc: instance.DBSubnetGroup?.VpcId ?? 'unknown',
        securityGroups: groups.join(','),
        storageEncrypted: instance.StorageEncrypted ?? 'unknown',
        kmsKey: instance.KmsKeyId ?? 'unknown',
      };
      const placement = {
        vpcId: instance.DBSubnetGroup?.VpcId ?? '',
        subnetIds: (instance.DBSubnetGroup?.Subnets ?? []).map(
          ({ SubnetIdentifier = '' }) => SubnetIdentifier,
        ),
        securityGroupIds: groups,
      };
      const size = {
        instanceClass: instance.DBInstanceClass ?? 'unknown',
        instances: 1,
        allocatedGiB: instance.AllocatedStorage ?? 0,
      };
      return { facts, problems, placement, size };
    },

    bootFacts: async (policy, name) =>
      readBootLog(drill(policy), name, (await mustFind(policy, name)).EngineVersion ?? 'unknown'),

    async deleteRestored(policy, name, drillId) {
      const instance = await find(policy, name);
      if (instance === undefined || instance.DBInstanceStatus === 'deleting') return;
      refuseForeign(policy, instance, name, drillId);
      try {
        if (instance.DeletionProtection === true)
          await drill(policy).send(
            new ModifyDBInstanceCommand({
              DBInstanceIdentifier: name,
              DeletionProtection: false,
              ApplyImmediately: true,
            }),
          );
        await drill(policy).send(
          new DeleteDBInstanceCommand({
            DBInstanceIdentifier: name,
            SkipFinalSnapshot: true,
            DeleteAutomatedBackups: true,
          }),
        );
      } catch (error) {
        if (error instanceof DBInstanceNotFoundFault) return;
        // Being created, modified or backed up: it can be deleted in a moment, and the activity is tried again.
        if (error instanceof InvalidDBInstanceStateFault)
          throw new Error(`${name} cannot be deleted just now: ${error.message}`, { cause: error });
        throw error;
      }
    },

    async leftovers(policy, name) {
      const backups = await allPages(async (Marker) => {
        const answer = await drill(policy).send(
          new DescribeDBInstanceAutomatedBackupsCommand({
            DBInstanceIdentifier: name,
            ...(Marker === undefined ? {} : { Marker }),
          }),
        );
        return { items: answer.DBInstanceAutomatedBackups ?? [], next: answer.Marker };
      });
      const instance = await find(policy, name);
      return [
        {
          what: restoredArn(policy, name),
          absent: instance === undefined,
          seen:
            instance === undefined
              ? 'DBInstanceNotFoundFault'
              : `still ${instance.DBInstanceStatus ?? 'there'}`,
        },
        {
          what: `automated backups of ${name}`,
          absent: backups.length === 0,
          seen: `${backups.length} listed`,
        },
      ];
    },

    async listRestored(policy): Promise<readonly DrillLeftover[]> {
      const instances = await allPages(async (Marker) => {
        const answer = await drill(policy).send(
          new DescribeDBInstancesCommand({ MaxRecords: 100, ...(Marker === undefined ? {} : { Marker }) }),
        );
        return { items: answer.DBInstances, next: answer.Marker };
      });
      return instances
        .filter(
          ({ DBInstanceIdentifier: id = '' }) => id.startsWith(DRILL_PREFIX) || id.startsWith(RESTORE_PREFIX),
        )
        .map(({ DBInstanceIdentifier: id = '', DBInstanceArn = '', TagList, InstanceCreateTime }) => ({
          name: id,
          arn: DBInstanceArn,
          tags: TagList === undefined ? null : tagsOf(TagList),
          createdAt: InstanceCreateTime?.toISOString() ?? null,
        }));
    },
  };

  /** All four: account and region (the ARN), name prefix, our tag. A missing one stops the deletion. */
  function refuseForeign(policy: Policy, instance: DBInstance, name: string, drillId: string): void {
    const tags = tagsOf(instance.TagList ?? []);
    const problems = [
      ...(instance.DBInstanceArn === restoredArn(policy, name)
        ? []
        : [`its ARN is ${instance.DBInstanceArn ?? 'unknown'}`]),
      ...(name.startsWith(DRILL_PREFIX) || name.startsWith(RESTORE_PREFIX)
        ? []
        : ['its name is not one of ours']),
      ...(tags[TAG.drill] === drillId
        ? []
        : [`its tag ${TAG.drill} is ${tags[TAG.drill] ?? 'missing'}, not ${drillId}`]),
    ];
    if (problems.length > 0)
      throw failure('ForeignResource', `Refused to delete ${name}: ${problems.join('; ')}.`, {
        name,
        problems,
      });
  }
}

function endpointOf(instance: DBInstance | undefined): Endpoint | undefined {
  const { Address, Port } = instance?.Endpoint ?? {};
  return Address === undefined || Port === undefined ? undefined : { host: Address, port: Port };
}

function tagsOf(
  list: readonly { Key?: string | undefined; Value?: string | undefined }[],
): Record<string, string> {
  return Object.fromEntries(list.map(({ Key = '', Value = '' }) => [Key, Value]));
}
