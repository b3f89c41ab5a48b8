import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { describeCluster } from './cluster-describe.ts';
import { findCluster, putClusterSecret } from './cluster-handlers.ts';
import type { ClusterRecord } from './cluster-records.ts';
import {
  auroraVersionFor,
  clusterParameterGroupFor,
  clusterRetention,
  requireFixed,
  scalingFrom,
  storageTypeFor,
} from './cluster-settings.ts';
import type { ClusterContext } from './cluster-context.ts';
import { defined } from './defined.ts';
import { fault, invalidCombination, required } from './faults.ts';
import { idFrom, passwordFrom } from './instance-handlers.ts';
import { keyOf, rdsArn } from './names.ts';
import { securityGroups } from './placement.ts';
import { scramVerifier } from './scram.ts';
import { tagContext } from './tags.ts';

const REFUSED = [
  ...['NewDBClusterIdentifier', 'Port', 'CloudwatchLogsExportConfiguration', 'AllowMajorVersionUpgrade'],
  ...['DBInstanceParameterGroupName', 'Domain', 'DomainIAMRoleName', 'ScalingConfiguration', 'Iops'],
  ...['EnableHttpEndpoint', 'EnableGlobalWriteForwarding', 'DBClusterInstanceClass', 'AllocatedStorage'],
  ...['MonitoringRoleArn', 'DatabaseInsightsMode', 'EnablePerformanceInsights', 'EnableLocalWriteForwarding'],
  ...['PerformanceInsightsKMSKeyId', 'PerformanceInsightsRetentionPeriod', 'AllowEngineModeChange'],
  ...['AwsBackupRecoveryPointArn', 'EnableLimitlessDatabase', 'CACertificateIdentifier'],
  ...['MasterUserAuthenticationType'],
];

type Input = RDS.ModifyDBClusterCommandInput;

/** A new master password waits for ApplyImmediately, as in Aurora; no maintenance window comes here by itself. */
export function clusterModifyHandler(context: ClusterContext): Handlers<typeof RDS> {
  const { platform, store, clusters } = context;
  return {
    async ModifyDBCluster(input, call) {
      refuseMembers('rds', 'ModifyDBCluster', input, REFUSED);
      const before = findCluster(
        context,
        call,
        idFrom(required(input.DBClusterIdentifier, 'DBClusterIdentifier')),
      );
      const { id } = before;
      platform.authorize(
        call,
        'rds:ModifyDBCluster',
        rdsArn(before, 'cluster', id),
        tagContext([], before.tags),
      );
      requireFixed('ModifyDBCluster', input, before.engineVersion);
      if (input.EngineVersion !== undefined) auroraVersionFor(input.EngineVersion, before.engineVersion);
      const settings = await settingsFrom(input, before, call);
      const password = newPassword(input, before);
      const masterVerifier = password === undefined ? undefined : await scramVerifier(password);
      const secret = await secretFor(input, before, password, call);
      const current = findCluster(context, call, id);
      if (current.status !== 'available')
        throw fault(
          RDS.InvalidDBClusterStateFault,
          `DbCluster ${id} is in ${current.status} state and not in available state.`,
        );
      const pending = masterVerifier === undefined ? current.pending : { masterVerifier };
      const apply = input.ApplyImmediately === true || secret.masterSecret !== undefined;
      const reset = apply && pending.masterVerifier !== undefined;
      const key = keyOf(call, id);
      const changed: ClusterRecord = {
        ...{ ...current, ...settings, ...secret, pending },
        ...(reset && { work: { kind: 'reset-master' } }),
      };
      await store.clusters.put(key, changed);
      if (input.VpcSecurityGroupIds) await spreadGroups(changed);
      if (reset) clusters.begin(changed);
      return { DBCluster: describeCluster(store, changed) };
    },
  };

  async function settingsFrom(
    input: Input,
    before: ClusterRecord,
    call: Call,
  ): Promise<Partial<ClusterRecord>> {
    const groups = input.VpcSecurityGroupIds;
    const group = input.DBClusterParameterGroupName;
    const scaling = scalingFrom(input.ServerlessV2ScalingConfiguration);
    return {
      ...defined({
        deletionProtection: input.DeletionProtection,
        copyTagsToSnapshot: input.CopyTagsToSnapshot,
        autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade,
        iamAuthentication: input.EnableIAMDatabaseAuthentication,
        engineLifecycleSupport: input.EngineLifecycleSupport,
        backupWindow: input.PreferredBackupWindow,
        maintenanceWindow: input.PreferredMaintenanceWindow,
      }),
      ...(input.StorageType !== undefined && { storageType: storageTypeFor(input.StorageType) }),
      ...(scaling && { serverlessScaling: { ...before.serverlessScaling, ...scaling } }),
      ...(input.BackupRetentionPeriod !== undefined && {
        backupRetentionPeriod: clusterRetention(input.BackupRetentionPeriod),
      }),
      ...(groups && { securityGroupIds: await securityGroups(context, call, before.vpcId, groups) }),
      ...(group !== undefined && {
        parameterGroup: clusterParameterGroupFor(context, call, group, before.engineVersion),
      }),
      chosenWindows: {
        backup: before.chosenWindows.backup || input.PreferredBackupWindow !== undefined,
        maintenance: before.chosenWindows.maintenance || input.PreferredMaintenanceWindow !== undefined,
      },
    };
  }

  /** Members have their cluster's security groups. */
  async function spreadGroups(cluster: ClusterRecord): Promise<void> {
    const { securityGroupIds } = cluster;
    for (const member of store.members(cluster))
      await store.patchInstance(keyOf(member, member.id), { securityGroupIds });
    await clusters.servers.readmit(keyOf(cluster, cluster.id));
  }

  /** What the master's password is to become, if it is to change. */
  function newPassword(input: Input, before: ClusterRecord): string | undefined {
    const { MasterUserPassword: given, ManageMasterUserPassword: manage, RotateMasterUserPassword } = input;
    const rotate = RotateMasterUserPassword === true;
    if (before.masterSecret && manage !== false && given !== undefined)
      throw invalidCombination(
        'You cannot specify MasterUserPassword while the password is managed in Secrets Manager.',
      );
    if (rotate && !before.masterSecret)
      throw invalidCombination('You can rotate only a password that is managed in Secrets Manager.');
    if (rotate && input.ApplyImmediately !== true)
      throw invalidCombination('RotateMasterUserPassword needs ApplyImmediately.');
    if (before.masterSecret && manage === false) return passwordFrom(given, false);
    if ((manage === true && !before.masterSecret) || rotate) return passwordFrom(given, true);
    return given === undefined ? undefined : passwordFrom(given, false);
  }

  async function secretFor(
    input: Input,
    before: ClusterRecord,
    password: string | undefined,
    call: Call,
  ): Promise<Pick<ClusterRecord, 'masterSecret'>> {
    if (input.ManageMasterUserPassword === false && before.masterSecret) {
      await platform.secrets.delete(before.masterSecret.arn);
      return { masterSecret: undefined };
    }
    const managed = input.ManageMasterUserPassword === true || before.masterSecret !== undefined;
    if (!managed || password === undefined) return {};
    const masterSecret = await putClusterSecret(
      context,
      call,
      before,
      password,
      input.MasterUserSecretKmsKeyId,
    );
    return { masterSecret };
  }
}
