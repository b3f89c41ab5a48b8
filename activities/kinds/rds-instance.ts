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
import { DRILL_PREFIX, RESTORE_PREFIX } from '../../domain/names.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import { inAccount, type AwsClients } from '../aws/clients.ts';
import { allPages } from '../aws/pages.ts';
import { failure } from '../failures.ts';
import { copyMetadata, refuseForeign, settingsOf, tagsOf } from './rds-copies.ts';
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

    restoreMetadata: copyMetadata,

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
      const secretArn = MasterUserSecret?.SecretArn;
      return DBInstanceStatus === 'available' && active && !pending && secretArn !== undefined
        ? { secretArn }
        : null;
    },

    settings: async (policy, name) => settingsOf(policy, await mustFind(policy, name)),

    bootFacts: async (policy, name) =>
      readBootLog(drill(policy), name, (await mustFind(policy, name)).EngineVersion ?? 'unknown'),

    async deleteRestored(policy, name, drillId) {
      const instance = await find(policy, name);
      if (instance === undefined || instance.DBInstanceStatus === 'deleting') return;
      refuseForeign(instance, { name, arn: restoredArn(policy, name), drillId });
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
}

function endpointOf(instance: DBInstance | undefined): Endpoint | undefined {
  const { Address, Port } = instance?.Endpoint ?? {};
  return Address === undefined || Port === undefined ? undefined : { host: Address, port: Port };
}
