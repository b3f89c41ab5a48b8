import type * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { date, majorOf, PARAMETER_GROUP } from './describe.ts';
import { invalidCombination } from './faults.ts';
import { idFrom } from './instance-handlers.ts';
import { usage } from './limits.ts';
import { rdsArn } from './names.ts';
import { byKey, page } from './paging.ts';
import type { InstanceRecord } from './records.ts';

const CLASSES = ['db.t4g.micro', 'db.t4g.small', 'db.t4g.medium', 'db.m7g.large', 'db.r7g.large'];
const DEFAULT_EVENT_MINUTES = 60;

/** What the service says about itself: events, quotas, versions, classes, automated backups. */
export function informationHandlers({ platform, store, fleet }: RdsContext): Handlers<typeof RDS> {
  const { version } = fleet.host.binaries;
  return {
    async DescribeEvents(input, call) {
      refuseMembers('rds', 'DescribeEvents', input, ['Filters']);
      platform.authorize(call, 'rds:DescribeEvents', rdsArn(call, 'db', '*'));
      if (input.SourceIdentifier !== undefined && input.SourceType === undefined)
        throw invalidCombination('SourceType is needed with SourceIdentifier.');
      const end = input.EndTime ?? platform.clock.now();
      const minutes = input.Duration ?? DEFAULT_EVENT_MINUTES;
      const start = input.StartTime ?? new Date(end.getTime() - minutes * 60_000);
      const wanted = new Set(input.EventCategories);
      const matching = [...store.events.entries()]
        .filter(
          ([, event]) =>
            event.accountId === call.accountId &&
            event.region === call.region &&
            event.at >= start.toISOString() &&
            event.at <= end.toISOString() &&
            (input.SourceType === undefined || event.sourceType === input.SourceType) &&
            (input.SourceIdentifier === undefined ||
              event.sourceId === input.SourceIdentifier.toLowerCase()) &&
            (wanted.size === 0 || event.categories.some((category) => wanted.has(category))),
        )
        .sort(byKey(([key]) => key));
      const { items, Marker } = page(matching, ([key]) => key, input);
      const Events = items.map(([, event]) => ({
        SourceIdentifier: event.sourceId,
        SourceType: event.sourceType,
        SourceArn: rdsArn(event, event.sourceType === 'db-instance' ? 'db' : 'snapshot', event.sourceId),
        Message: event.message,
        EventCategories: [...event.categories],
        Date: new Date(event.at),
      }));
      return { Events, Marker };
    },

    async DescribeAccountAttributes(_input, call) {
      platform.authorize(call, 'rds:DescribeAccountAttributes', '*');
      const quotas = Object.entries(usage(store, call)).map(([AccountQuotaName, { used, max }]) => ({
        ...{ AccountQuotaName, Used: used, Max: max },
      }));
      return { AccountQuotas: quotas };
    },

    async DescribeDBEngineVersions(input, call) {
      platform.authorize(call, 'rds:DescribeDBEngineVersions', '*');
      const major = majorOf(version);
      const asked = input.EngineVersion;
      const listed =
        (input.Engine ?? 'postgres') === 'postgres' &&
        (asked === undefined || asked === version || asked === major);
      const one = {
        ...{ Engine: 'postgres', EngineVersion: version, MajorEngineVersion: major, Status: 'available' },
        DBParameterGroupFamily: PARAMETER_GROUP(major).replace('default.', ''),
        DBEngineDescription: 'PostgreSQL',
        DBEngineVersionDescription: `PostgreSQL ${version}`,
        ValidUpgradeTarget: [],
        SupportedCACertificateIdentifiers: ['rds-ca-rsa2048-g1'],
      };
      return { DBEngineVersions: listed ? [one] : [] };
    },

    async DescribeOrderableDBInstanceOptions(input, call) {
      platform.authorize(call, 'rds:DescribeOrderableDBInstanceOptions', '*');
      const listed =
        input.Engine === 'postgres' && (input.EngineVersion === undefined || input.EngineVersion === version);
      const classes = CLASSES.filter(
        (name) => input.DBInstanceClass === undefined || input.DBInstanceClass === name,
      );
      const options = (listed ? classes : []).map((DBInstanceClass) => ({
        ...{
          Engine: 'postgres',
          EngineVersion: version,
          DBInstanceClass,
          LicenseModel: 'postgresql-license',
          Vpc: true,
        },
        ...{
          StorageType: 'gp3',
          SupportsStorageEncryption: true,
          MultiAZCapable: true,
          ReadReplicaCapable: false,
        },
        ...{ MinStorageSize: 20, MaxStorageSize: 65_536, SupportsIAMDatabaseAuthentication: true },
        AvailabilityZones: ['a', 'b'].map((zone) => ({ Name: `${call.region}${zone}` })),
      }));
      return { OrderableDBInstanceOptions: options };
    },

    async DescribeDBInstanceAutomatedBackups(input, call) {
      refuseMembers('rds', 'DescribeDBInstanceAutomatedBackups', input, [
        'Filters',
        'DBInstanceAutomatedBackupsArn',
      ]);
      platform.authorize(call, 'rds:DescribeDBInstanceAutomatedBackups', rdsArn(call, 'auto-backup', '*'));
      const active = [...store.instances.values()]
        .filter(({ backupRetentionPeriod, status }) => backupRetentionPeriod > 0 && status !== 'deleting')
        .map((instance) => ({ instance, status: 'active' }));
      const retained = [...store.retained.values()].map(({ instance }) => ({ instance, status: 'retained' }));
      const id = input.DBInstanceIdentifier === undefined ? undefined : idFrom(input.DBInstanceIdentifier);
      const matching = [...active, ...retained]
        .filter(
          ({ instance }) =>
            instance.accountId === call.accountId &&
            instance.region === call.region &&
            (id === undefined || instance.id === id) &&
            (input.DbiResourceId === undefined || instance.dbiResourceId === input.DbiResourceId),
        )
        .sort(byKey(({ instance }) => instance.dbiResourceId));
      const { items, Marker } = page(matching, ({ instance }) => instance.dbiResourceId, input);
      const backups = items.map(({ instance, status }) => describeAutomatedBackup(instance, status));
      return { DBInstanceAutomatedBackups: backups, Marker };
    },
  };
}

function describeAutomatedBackup(instance: InstanceRecord, status: string): RDS.DBInstanceAutomatedBackup {
  return {
    DBInstanceArn: rdsArn(instance, 'db', instance.id),
    DbiResourceId: instance.dbiResourceId,
    DBInstanceAutomatedBackupsArn: rdsArn(
      instance,
      'auto-backup',
      instance.dbiResourceId.replace(/^db-/, 'ab-').toLowerCase(),
    ),
    Region: instance.region,
    DBInstanceIdentifier: instance.id,
    Status: status,
    AllocatedStorage: instance.allocatedStorage,
    Port: instance.port,
    VpcId: instance.vpcId,
    InstanceCreateTime: date(instance.createdAt),
    MasterUsername: instance.masterUsername,
    Engine: 'postgres',
    EngineVersion: instance.engineVersion,
    Encrypted: instance.encrypted,
    KmsKeyId: instance.kmsKeyArn,
    StorageType: instance.storageType,
    BackupRetentionPeriod: instance.backupRetentionPeriod,
    BackupTarget: 'region',
    TagList: [...instance.tags],
  };
}
