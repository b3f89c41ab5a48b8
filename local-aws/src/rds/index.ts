import type * as RDS from '@aws-sdk/client-rds';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Databases } from '../faults/points.ts';
import { openPostgresHost } from '../pg/index.ts';
import type { Platform } from '../platform.ts';
import { defineService, type Handlers, type Service } from '../wire/handlers.ts';
import { automatedBackupHandlers } from './automated-backup-handlers.ts';
import { AutomatedBackups } from './automated-backups.ts';
import { Caretaker } from './caretaker.ts';
import { certificateHandlers } from './certificate-handlers.ts';
import { createInstanceHandler } from './create-instance-handler.ts';
import { eventHandlers } from './event-handlers.ts';
import type { ClusterContext } from './cluster-context.ts';
import { allClusterHandlers, closeClusters, resumeClusters, withClusters } from './cluster-service.ts';
import type { ExportStorage } from './export-bucket.ts';
import { EngineVersions } from './engine-versions.ts';
import { exportHandlers } from './export-handlers.ts';
import { Exports } from './export-tasks.ts';
import { Fleet } from './fleet.ts';
import { informationHandlers } from './information-handlers.ts';
import { instanceHandlers } from './instance-handlers.ts';
import { logHandlers } from './log-handlers.ts';
import { modifyHandler } from './modify-handler.ts';
import { optionGroupHandlers } from './option-group-handlers.ts';
import { parameterGroupHandlers } from './parameter-group-handlers.ts';
import { snapshotCopyHandler } from './snapshot-copy-handler.ts';
import { snapshotHandlers } from './snapshot-handlers.ts';
import { snapshotUpgradeHandler } from './snapshot-upgrade-handler.ts';
import { snapshotSharingHandlers } from './snapshot-sharing-handlers.ts';
import { Snapshots } from './snapshots.ts';
import { registerQuotas } from './quotas.ts';
import { rdsArn } from './names.ts';
import { RdsStore } from './store.ts';
import { subnetGroupHandlers } from './subnet-group-handlers.ts';
import { tagHandlers } from './tag-handlers.ts';

export interface Rds {
  readonly service: Service;
  /** For AWS Backup, which works through RDS as in AWS. */
  readonly context: ClusterContext;
  /** PEM bundle that clients of the databases trust, as RDS's global bundle. */
  readonly caBundle: string;
}

/**
 * RDS for PostgreSQL. Resolves when every database of an earlier life is up again, on its port.
 * @param binDir `PG_BIN_DIR`: PostgreSQL programs to use instead of the embedded ones.
 * @param storage where snapshots are exported to
 */
export async function createRds(
  platform: Platform,
  { binDir, storage }: { binDir?: string | undefined; storage: ExportStorage },
): Promise<Rds> {
  const host = await openPostgresHost({ stateDir: platform.stateDir, binDir });
  const caBundle = join(platform.stateDir, 'ca-bundle.pem');
  writeFileSync(caBundle, host.trusted);
  const store = new RdsStore(platform);
  const versions = new EngineVersions(platform, host.binaries.version);
  const fleet = new Fleet(store, host);
  const snapshots = new Snapshots(store, fleet);
  const backups = new AutomatedBackups(store, fleet, snapshots);
  const context = withClusters({ platform, store, versions, fleet, snapshots, backups });
  const instances: Handlers<typeof RDS> = {
    ...createInstanceHandler(context),
    ...instanceHandlers(context),
    ...modifyHandler(context),
    ...automatedBackupHandlers(context),
    ...snapshotHandlers(context),
    ...snapshotCopyHandler(context),
    ...snapshotSharingHandlers(context),
    ...subnetGroupHandlers(context),
    ...parameterGroupHandlers(context),
    ...optionGroupHandlers(context),
    ...informationHandlers(context),
    ...certificateHandlers(context),
    ...snapshotUpgradeHandler(context),
    ...eventHandlers(context),
    ...logHandlers(context),
    ...tagHandlers(context),
  };
  const exports = new Exports(context, storage);
  const handlers = {
    ...instances,
    ...allClusterHandlers(context, instances),
    ...exportHandlers(context, exports),
  };
  guardNetworks(context);
  registerQuotas(platform, store);
  store.emptyTrash();
  await snapshots.resume();
  await backups.resume();
  await fleet.resume();
  await resumeClusters(context);
  await exports.resume();
  const caretaker = new Caretaker(store, fleet);
  platform.clock.onTick('rds: caretaker', () => caretaker.tick());
  platform.clock.onTick('rds: dead servers', () => fleet.restartDead());
  platform.clock.onTick('rds: old events', () => store.dropOldEvents(), 60_000);
  platform.clock.onTick('rds: automated backups', () => backups.tick());
  platform.faults.setDatabases(() => runningDatabases(context));
  platform.admin.status('databases', () => databases(context));
  const close = async () => {
    await backups.close();
    await Promise.all([fleet.close(), closeClusters(context)]);
  };
  const service = defineService({ name: 'rds', load: () => import('@aws-sdk/client-rds'), handlers, close });
  return { service, context, caBundle };
}

function runningDatabases({ store, fleet, clusters }: ClusterContext): ReturnType<Databases> {
  return [...store.instances.entries()].flatMap(([key, record]) => {
    const pid = (fleet.server(key) ?? clusters.servers.ofMember(record))?.pid;
    return pid === undefined ? [] : [{ id: record.id, arn: rdsArn(record, 'db', record.id), pid }];
  });
}

/** What people want to know of the instances, here and nowhere in AWS: whether networks are really fenced. */
function databases({ store, fleet, clusters }: ClusterContext): unknown {
  return [...store.instances.entries()].map(([key, record]) => {
    const { status, address, port, fenced } = record;
    const server = fleet.server(key) ?? clusters.servers.ofMember(record);
    return {
      ...{ instance: key, status, address, port, fenced, pid: server?.pid ?? null },
      admits: server?.admits ?? [],
    };
  });
}

/** EC2 must not delete a group, subnet or VPC that a database uses. */
function guardNetworks({ platform, store }: ClusterContext): void {
  platform.networks.addDependency((id) => {
    const instance = [...store.instances.values()].find(
      ({ vpcId, securityGroupIds }) => vpcId === id || securityGroupIds.includes(id),
    );
    if (instance) return `DB instance ${instance.id}`;
    const cluster = [...store.clusters.values()].find(
      ({ vpcId, securityGroupIds }) => vpcId === id || securityGroupIds.includes(id),
    );
    if (cluster) return `DB cluster ${cluster.id}`;
    const group = [...store.subnetGroups.values()].find(
      ({ vpcId, subnetIds }) => vpcId === id || subnetIds.includes(id),
    );
    return group && `DB subnet group ${group.name}`;
  });
}
