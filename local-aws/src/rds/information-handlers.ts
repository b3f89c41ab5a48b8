import type * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { majorOf } from './describe.ts';
import { invalidCombination } from './faults.ts';
import { usage } from './limits.ts';
import { rdsArn } from './names.ts';
import { byKey, page } from './paging.ts';

const ENGINES = {
  postgres: {
    ...{ description: 'PostgreSQL', family: 'postgres' },
    classes: ['db.t4g.micro', 'db.t4g.small', 'db.t4g.medium', 'db.m7g.large', 'db.r7g.large'],
    storage: { StorageType: 'gp3', MinStorageSize: 20, MaxStorageSize: 65_536, MultiAZCapable: true },
  },
  'aurora-postgresql': {
    ...{ description: 'Aurora PostgreSQL', family: 'aurora-postgresql' },
    classes: ['db.serverless', 'db.t4g.medium', 'db.t4g.large', 'db.r7g.large', 'db.r8g.large'],
    storage: { StorageType: 'aurora', MultiAZCapable: false },
  },
} as const;
const DEFAULT_EVENT_MINUTES = 60;
const ARN_KINDS = {
  'db-instance': 'db',
  'db-snapshot': 'snapshot',
  'db-cluster': 'cluster',
  'db-cluster-snapshot': 'cluster-snapshot',
} as const;

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
        SourceArn: rdsArn(event, ARN_KINDS[event.sourceType], event.sourceId),
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
      const listed = asked === undefined || asked === version || asked === major;
      const versions = Object.entries(ENGINES).map(([Engine, { description, family }]) => ({
        ...{ Engine, EngineVersion: version, MajorEngineVersion: major, Status: 'available' },
        DBParameterGroupFamily: `${family}${major}`,
        DBEngineDescription: description,
        DBEngineVersionDescription: `${description} ${version}`,
        ValidUpgradeTarget: [],
        SupportedEngineModes: ['provisioned'],
        SupportedCACertificateIdentifiers: ['rds-ca-rsa2048-g1'],
      }));
      const wanted = ({ Engine }: { Engine: string }) =>
        input.Engine === undefined || input.Engine === Engine;
      return { DBEngineVersions: listed ? versions.filter(wanted) : [] };
    },

    async DescribeOrderableDBInstanceOptions(input, call) {
      platform.authorize(call, 'rds:DescribeOrderableDBInstanceOptions', '*');
      const engine = Object.entries(ENGINES).find(([name]) => name === input.Engine)?.[1];
      const listed = input.EngineVersion === undefined || input.EngineVersion === version;
      const classes = (listed ? (engine?.classes ?? []) : []).filter(
        (name) => input.DBInstanceClass === undefined || input.DBInstanceClass === name,
      );
      const options = classes.map((DBInstanceClass) => ({
        ...{ Engine: input.Engine, EngineVersion: version, DBInstanceClass, Vpc: true },
        ...{ LicenseModel: 'postgresql-license', SupportsStorageEncryption: true, ReadReplicaCapable: false },
        ...{ SupportsIAMDatabaseAuthentication: true, ...engine?.storage },
        AvailabilityZones: ['a', 'b'].map((zone) => ({ Name: `${call.region}${zone}` })),
      }));
      return { OrderableDBInstanceOptions: options };
    },
  };
}
