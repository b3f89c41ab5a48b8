import type * as RDS from '@aws-sdk/client-rds';
import { AUTHORITIES } from '../pg/index.ts';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import { clustersUsed } from './cluster-limits.ts';
import type { RdsContext } from './context.ts';
import { majorOf } from './describe.ts';
import { required } from './faults.ts';
import { usage } from './limits.ts';
import { applyFilters, byKey, page } from './paging.ts';
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

/** For pages of versions. */
const keyOfVersion = (one: { Engine: string; EngineVersion: string }) => `${one.Engine} ${one.EngineVersion}`;

/** What the service says about itself: quotas, versions and classes.  */
export function informationHandlers({ platform, store, versions }: RdsContext): Handlers<typeof RDS> {
  const { installed } = versions;
  const offeredOf = (engine: string) => (engine === 'postgres' ? versions.offered : [installed]);
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
      const major = majorOf(installed);
      const offered = Object.entries(ENGINES).flatMap(([engine, facts]) =>
        offeredOf(engine).map((version) => [engine, version, facts] as const),
      );
      const all = offered.map(([Engine, version, { description, family }]) => ({
        ...{ Engine, EngineVersion: version, MajorEngineVersion: major, Status: 'available' },
        DBParameterGroupFamily: `${family}${major}`,
        DBEngineDescription: description,
        DBEngineVersionDescription: `${description} ${version}`,
        ValidUpgradeTarget: (Engine === 'postgres' ? versions.targets(version) : []).map((target) => ({
          ...{ Engine, EngineVersion: target, Description: `${description} ${target}` },
          ...{ AutoUpgrade: false, IsMajorVersionUpgrade: false },
        })),
        ExportableLogTypes: ['postgresql', 'upgrade'],
        SupportsReadReplica: false,
        SupportedEngineModes: ['provisioned'],
        SupportedCACertificateIdentifiers: [...AUTHORITIES],
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
          (input.EngineVersion === undefined || [one.EngineVersion, major].includes(input.EngineVersion)) &&
          (input.DBParameterGroupFamily === undefined ||
            one.DBParameterGroupFamily === input.DBParameterGroupFamily),
      );
      const { items, Marker } = page(matching.sort(byKey(keyOfVersion)), keyOfVersion, input);
      return { DBEngineVersions: items, Marker };
    },

    async DescribeOrderableDBInstanceOptions(input, call) {
      refuseMembers('rds', 'DescribeOrderableDBInstanceOptions', input, ['Filters', 'AvailabilityZoneGroup']);
      platform.authorize(call, 'rds:DescribeOrderableDBInstanceOptions', '*');
      const wanted = required(input.Engine, 'Engine');
      const engine = Object.entries(ENGINES).find(([name]) => name === wanted)?.[1];
      const listed =
        (input.LicenseModel === undefined || input.LicenseModel === 'postgresql-license') &&
        input.Vpc !== false;
      const { EngineVersion: version, DBInstanceClass: ofClass } = input;
      const wantedOnes = (listed && engine ? offeredOf(wanted) : [])
        .filter((one) => version === undefined || one === version)
        .flatMap((EngineVersion) =>
          (engine?.classes ?? []).map((DBInstanceClass) => ({ EngineVersion, DBInstanceClass })),
        )
        .filter(({ DBInstanceClass }) => ofClass === undefined || DBInstanceClass === ofClass);
      const keyOfOption = (one: { EngineVersion: string; DBInstanceClass: string }) =>
        `${one.EngineVersion} ${one.DBInstanceClass}`;
      const { items, Marker } = page(wantedOnes.sort(byKey(keyOfOption)), keyOfOption, input);
      const options = items.map((one) => ({
        ...{ Engine: wanted, ...one, Vpc: true },
        ...{ LicenseModel: 'postgresql-license', SupportsStorageEncryption: true, ReadReplicaCapable: false },
        ...{ SupportsIAMDatabaseAuthentication: false, SupportsIops: false, ...engine?.storage },
        AvailabilityZones: ['a', 'b'].map((zone) => ({ Name: `${call.region}${zone}` })),
      }));
      return { OrderableDBInstanceOptions: options, Marker };
    },
  };
}
