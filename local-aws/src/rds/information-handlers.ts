import type * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import { clustersUsed } from './cluster-limits.ts';
import type { RdsContext } from './context.ts';
import { majorOf } from './describe.ts';
import { required } from './faults.ts';
import { usage } from './limits.ts';
import { applyFilters, page } from './paging.ts';
import { quota, type QuotaName } from './quotas.ts';

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

/** What the service says about itself: quotas, versions and classes. There is one version, that of the PostgreSQL installed. */
export function informationHandlers({ platform, store, fleet }: RdsContext): Handlers<typeof RDS> {
  const { version } = fleet.host.binaries;
  return {
    async DescribeAccountAttributes(_input, call) {
      platform.authorize(call, 'rds:DescribeAccountAttributes', '*');
      const clusters = Object.entries(clustersUsed(store, call)) as [QuotaName, number][];
      const all = {
        ...usage(store, call),
        ...Object.fromEntries(
          clusters.map(([name, used]) => [name, { used, max: quota(store, call, name) }] as const),
        ),
      };
      const quotas = Object.entries(all).map(([AccountQuotaName, { used, max }]) => ({
        ...{ AccountQuotaName, Used: used, Max: max },
      }));
      return { AccountQuotas: quotas };
    },

    async DescribeDBEngineVersions(input, call) {
      platform.authorize(call, 'rds:DescribeDBEngineVersions', '*');
      const major = majorOf(version);
      const all = Object.entries(ENGINES).map(([Engine, { description, family }]) => ({
        ...{ Engine, EngineVersion: version, MajorEngineVersion: major, Status: 'available' },
        DBParameterGroupFamily: `${family}${major}`,
        DBEngineDescription: description,
        DBEngineVersionDescription: `${description} ${version}`,
        ValidUpgradeTarget: [],
        ExportableLogTypes: ['postgresql', 'upgrade'],
        SupportsReadReplica: false,
        SupportedEngineModes: ['provisioned'],
        SupportedCACertificateIdentifiers: ['rds-ca-rsa2048-g1', 'rds-ca-ecc384-g1', 'rds-ca-rsa4096-g1'],
      }));
      const matching = applyFilters(all, input.Filters, {
        'db-parameter-group-family': (one) => [one.DBParameterGroupFamily],
        engine: (one) => [one.Engine],
        'engine-mode': (one) => one.SupportedEngineModes,
        'engine-version': (one) => [one.EngineVersion],
        status: (one) => [one.Status],
      }).filter(
        (one) =>
          (input.Engine === undefined || one.Engine === input.Engine) &&
          (input.EngineVersion === undefined || [version, major].includes(input.EngineVersion)) &&
          (input.DBParameterGroupFamily === undefined ||
            one.DBParameterGroupFamily === input.DBParameterGroupFamily),
      );
      const { items, Marker } = page(
        matching.sort((a, b) => (a.Engine < b.Engine ? -1 : 1)),
        ({ Engine }) => Engine,
        input,
      );
      return { DBEngineVersions: items, Marker };
    },

    async DescribeOrderableDBInstanceOptions(input, call) {
      refuseMembers('rds', 'DescribeOrderableDBInstanceOptions', input, ['Filters', 'AvailabilityZoneGroup']);
      platform.authorize(call, 'rds:DescribeOrderableDBInstanceOptions', '*');
      const wanted = required(input.Engine, 'Engine');
      const engine = Object.entries(ENGINES).find(([name]) => name === wanted)?.[1];
      const listed =
        (input.EngineVersion === undefined || input.EngineVersion === version) &&
        (input.LicenseModel === undefined || input.LicenseModel === 'postgresql-license') &&
        input.Vpc !== false;
      const classes = (listed ? [...(engine?.classes ?? [])] : [])
        .filter((name) => input.DBInstanceClass === undefined || input.DBInstanceClass === name)
        .sort();
      const { items, Marker } = page<string>(classes, (name) => name, input);
      const options = items.map((DBInstanceClass) => ({
        ...{ Engine: wanted, EngineVersion: version, DBInstanceClass, Vpc: true },
        ...{ LicenseModel: 'postgresql-license', SupportsStorageEncryption: true, ReadReplicaCapable: false },
        ...{ SupportsIAMDatabaseAuthentication: false, SupportsIops: false, ...engine?.storage },
        AvailabilityZones: ['a', 'b'].map((zone) => ({ Name: `${call.region}${zone}` })),
      }));
      return { OrderableDBInstanceOptions: options, Marker };
    },
  };
}
