import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { automatedBackupId, backupKey } from './automated-backups.ts';
import type { RdsContext } from './context.ts';
import { date } from './describe.ts';
import { usableKey } from './encryption.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { idFrom, retentionDays } from './instance-handlers.ts';
import { requireRoomForReplica } from './limits.ts';
import { keyOf, parseRdsArn, rdsArn } from './names.ts';
import { applyFilters, byKey, page } from './paging.ts';
import type { AutomatedBackupRecord, InstanceRecord } from './records.ts';
import { restoreToTime } from './restore-in-time.ts';
import { tagContext } from './tags.ts';

const DEFAULT_REPLICA_DAYS = 7;

/** Automated backups: what there is, their replication into another region, and instances made from them. */
export function automatedBackupHandlers(context: RdsContext): Handlers<typeof RDS> {
  const { platform, store, backups } = context;

  return {
    async DescribeDBInstanceAutomatedBackups(input, call) {
      platform.authorize(call, 'rds:DescribeDBInstanceAutomatedBackups', rdsArn(call, 'auto-backup', '*'));
      const id = input.DBInstanceIdentifier === undefined ? undefined : idFrom(input.DBInstanceIdentifier);
      const arn = input.DBInstanceAutomatedBackupsArn;
      const here = [...store.automated.values()].filter(
        (record) =>
          record.accountId === call.accountId &&
          record.region === call.region &&
          (id === undefined || record.instance.id === id) &&
          (input.DbiResourceId === undefined || record.instance.dbiResourceId === input.DbiResourceId) &&
          (arn === undefined || automatedArn(record) === arn),
      );
      if (here.length === 0 && (input.DbiResourceId !== undefined || arn !== undefined))
        throw fault(
          RDS.DBInstanceAutomatedBackupNotFoundFault,
          `DB instance automated backup not found: ${input.DbiResourceId ?? arn ?? ''}`,
        );
      const matching = applyFilters(here, input.Filters, {
        status: (record) => [record.status],
        'db-instance-id': ({ instance }) => [instance.id, rdsArn(instance, 'db', instance.id)],
        'dbi-resource-id': ({ instance }) => [instance.dbiResourceId],
      }).sort(byKey(({ id: key }) => key));
      const { items, Marker } = page(matching, ({ id: key }) => key, input);
      return { DBInstanceAutomatedBackups: items.map(describe), Marker };
    },

    async DeleteDBInstanceAutomatedBackup(input, call) {
      const { DbiResourceId: resourceId, DBInstanceAutomatedBackupsArn: arn } = input;
      if ((resourceId === undefined) === (arn === undefined))
        throw invalidCombination('Give either DbiResourceId or DBInstanceAutomatedBackupsArn.');
      const [key, record] = [...store.automated.entries()].find(
        ([, one]) =>
          one.accountId === call.accountId &&
          one.region === call.region &&
          (arn === undefined ? one.instance.dbiResourceId === resourceId : automatedArn(one) === arn),
      ) ?? [undefined, undefined];
      platform.authorize(
        call,
        'rds:DeleteDBInstanceAutomatedBackup',
        record ? automatedArn(record) : (arn ?? rdsArn(call, 'auto-backup', '*')),
        tagContext([], record?.instance.tags),
      );
      if (!record)
        throw fault(
          RDS.DBInstanceAutomatedBackupNotFoundFault,
          `DB instance automated backup not found: ${resourceId ?? arn ?? ''}`,
        );
      if (record.status !== 'retained')
        throw fault(
          RDS.InvalidDBInstanceAutomatedBackupStateFault,
          `The automated backup ${record.id} is ${record.status}: only a retained one can be deleted.`,
        );
      const described = { ...describe(record), Status: 'deleting' };
      await backups.remove(key);
      return { DBInstanceAutomatedBackup: described };
    },

    async StartDBInstanceAutomatedBackupsReplication(input, call) {
      refuseMembers('rds', 'StartDBInstanceAutomatedBackupsReplication', input, ['Tags']);
      const source = sourceOf(required(input.SourceDBInstanceArn, 'SourceDBInstanceArn'), call);
      authorizeReplication('rds:StartDBInstanceAutomatedBackupsReplication', source, call);
      const { instance } = source;
      if (!instance) throw fault(RDS.DBInstanceNotFoundFault, `DBInstance ${source.arn} not found.`);
      if (instance.backupRetentionPeriod === 0)
        throw fault(
          RDS.InvalidDBInstanceStateFault,
          `Automated backups are not enabled for DB instance ${instance.id}: its backup retention period is 0.`,
        );
      const retentionPeriod = retentionDays(input.BackupRetentionPeriod ?? DEFAULT_REPLICA_DAYS);
      if (retentionPeriod === 0)
        throw invalidValue('Invalid backup retention period: 0. It must be between 1 and 35.');
      if (instance.encrypted && input.KmsKeyId === undefined)
        throw invalidCombination(
          'Replicating automated backups of an encrypted DB instance needs KmsKeyId: a key of the destination region.',
        );
      if (!instance.encrypted && input.KmsKeyId !== undefined)
        throw invalidCombination('KmsKeyId cannot be given for a DB instance that is not encrypted.');
      const kms = input.KmsKeyId === undefined ? undefined : usableKey(platform, call, input.KmsKeyId);
      if (kms && kms.region !== call.region)
        throw fault(RDS.KMSKeyNotAccessibleFault, `The key ${kms.arn} is not in ${call.region}.`);
      const key = backupKey(instance, call);
      const before = store.automated.get(key);
      if (before && before.status !== 'retained')
        throw fault(
          RDS.InvalidDBInstanceAutomatedBackupStateFault,
          `Automated backups of DB instance ${instance.id} are replicated to ${call.region} already.`,
        );
      requireRoomForReplica(store, call);
      const replica: AutomatedBackupRecord = {
        ...{ accountId: call.accountId, region: call.region, id: automatedBackupId(instance.dbiResourceId) },
        ...{ status: 'pending', instance, retentionPeriod, sourceRegion: instance.region },
        kmsKeyArn: kms?.arn,
        ...(before && { archive: before.archive }),
      };
      await store.automated.put(key, replica);
      return { DBInstanceAutomatedBackup: describe(replica) };
    },

    async StopDBInstanceAutomatedBackupsReplication(input, call) {
      const source = sourceOf(required(input.SourceDBInstanceArn, 'SourceDBInstanceArn'), call);
      authorizeReplication('rds:StopDBInstanceAutomatedBackupsReplication', source, call);
      const found = [...store.automated.entries()].find(
        ([, one]) =>
          one.accountId === call.accountId &&
          one.region === call.region &&
          one.sourceRegion !== undefined &&
          one.status !== 'retained' &&
          rdsArn(one.instance, 'db', one.instance.id) === source.arn,
      );
      if (!found && !source.instance)
        throw fault(RDS.DBInstanceNotFoundFault, `DBInstance ${source.arn} not found.`);
      if (!found)
        throw fault(
          RDS.InvalidDBInstanceStateFault,
          `Automated backups of ${source.arn} are not replicated to ${call.region}.`,
        );
      const retained = await backups.replication.retain(found[0]);
      return { DBInstanceAutomatedBackup: describe(retained ?? found[1]) };
    },

    async RestoreDBInstanceToPointInTime(input, call) {
      return { DBInstance: await restoreToTime(context, input, call) };
    },
  };

  function sourceOf(arn: string, call: Call): { arn: string; instance: InstanceRecord | undefined } {
    const parsed = parseRdsArn(arn);
    if (parsed?.kind !== 'db') throw invalidValue(`Invalid source DB instance ARN: ${arn}`);
    if (parsed.region === call.region)
      throw invalidValue(
        'The source DB instance must be in another region than the one that the call is made in.',
      );
    const own = parsed.accountId === call.accountId;
    return { arn, instance: own ? store.instances.get(keyOf(parsed, parsed.id)) : undefined };
  }

  function authorizeReplication(action: string, source: ReturnType<typeof sourceOf>, call: Call): void {
    platform.authorize(call, action, source.arn, tagContext([], source.instance?.tags));
  }

  function describe(record: AutomatedBackupRecord): RDS.DBInstanceAutomatedBackup {
    const current = store.instances.get(keyOf(record.instance, record.instance.id));
    const instance = current?.dbiResourceId === record.instance.dbiResourceId ? current : record.instance;
    const window = backups.window(record);
    const replicas = [...store.automated.values()].filter(
      (one) =>
        one.sourceRegion === record.region &&
        one.accountId === record.accountId &&
        one.status !== 'retained' &&
        one.instance.dbiResourceId === instance.dbiResourceId,
    );
    return {
      DBInstanceArn: rdsArn(instance, 'db', instance.id),
      DbiResourceId: instance.dbiResourceId,
      DBInstanceAutomatedBackupsArn: automatedArn(record),
      Region: instance.region,
      DBInstanceIdentifier: instance.id,
      RestoreWindow: window && { EarliestTime: date(window.earliest), LatestTime: date(window.latest) },
      Status: record.status,
      AllocatedStorage: instance.allocatedStorage,
      Port: instance.port,
      AvailabilityZone: instance.availabilityZone,
      VpcId: instance.vpcId,
      InstanceCreateTime: date(instance.createdAt),
      MasterUsername: instance.masterUsername,
      Engine: 'postgres',
      EngineVersion: instance.engineVersion,
      LicenseModel: 'postgresql-license',
      Encrypted: instance.encrypted,
      StorageEncryptionType: instance.encrypted ? 'sse-kms' : 'none',
      KmsKeyId: record.sourceRegion === undefined ? instance.kmsKeyArn : record.kmsKeyArn,
      StorageType: instance.storageType,
      IAMDatabaseAuthenticationEnabled: instance.iamAuthentication,
      BackupRetentionPeriod:
        record.sourceRegion === undefined && current ? current.backupRetentionPeriod : record.retentionPeriod,
      PreferredBackupWindow: instance.backupWindow,
      BackupTarget: 'region',
      DBInstanceAutomatedBackupsReplications: replicas.map((one) => ({
        DBInstanceAutomatedBackupsArn: automatedArn(one),
      })),
      TagList: [...instance.tags],
    };
  }
}

export function automatedArn(record: AutomatedBackupRecord): string {
  return rdsArn(record, 'auto-backup', record.id);
}
