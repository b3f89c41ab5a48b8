import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { backUp, copyPoint, vaultArn, whenBackedUp, whenRestored } from './support/backup-flow.ts';
import { addMember, ask, createCluster, describedCluster } from './support/clusters.ts';
import {
  AWAY,
  backupRole,
  type Cloud,
  type Corner,
  customerKey,
  HOME,
  openCloud,
  PRODUCTION,
} from './support/database-cloud.ts';

jest.setTimeout(240_000);

let cloud: Cloud;
let home: Corner;
let away: Corner;
let role: string;
let homeKey: string;
let awayKey: string;
const ARN = `arn:aws:rds:${HOME}:${PRODUCTION}:cluster:ledger`;
const says = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

beforeAll(async () => {
  cloud = await openCloud();
  home = cloud.corner(PRODUCTION, HOME);
  away = cloud.corner(PRODUCTION, AWAY);
  role = await backupRole(home);
  [homeKey, awayKey] = [await customerKey(home), await customerKey(away)];
  await home.backup.createBackupVault({ BackupVaultName: 'local', EncryptionKeyArn: homeKey });
  await away.backup.createBackupVault({ BackupVaultName: 'relay', EncryptionKeyArn: awayKey });
  const key = { StorageEncrypted: true, KmsKeyId: homeKey };
  await createCluster(home, 'ledger', { ...key, Tags: [{ Key: 'team', Value: 'books' }] });
  await addMember(home, 'ledger', 'ledger-1');
});
afterAll(async () => {
  await cloud.end();
});

test('a cluster is not backed up until its type is opted in, and a plan skips it without a word', async () => {
  const start = home.backup.startBackupJob({
    ...{ BackupVaultName: 'local', ResourceArn: ARN, IamRoleArn: role },
  });
  await expect(start).rejects.toThrow(/Aurora is not opted in/);
  const rule = { RuleName: 'night', TargetBackupVaultName: 'local' };
  const { BackupPlanId } = await home.backup.createBackupPlan({
    BackupPlan: { BackupPlanName: 'silent', Rules: [rule] },
  });
  const BackupSelection = { SelectionName: 'named', IamRoleArn: role, Resources: [ARN] };
  const { SelectionId } = await home.backup.createBackupSelection({ BackupPlanId, BackupSelection });
  await cloud.advance({ days: 1 });
  expect((await home.backup.listBackupJobs({})).BackupJobs).toEqual([]);
  expect((await home.backup.getBackupPlan({ BackupPlanId })).LastExecutionDate).toBeInstanceOf(Date);
  await home.backup.deleteBackupSelection({ BackupPlanId, SelectionId });
  await home.backup.deleteBackupPlan({ BackupPlanId });
  await home.backup.updateRegionSettings({ ResourceTypeOptInPreference: { Aurora: true } });
});

test('a cluster is backed up, copied to another region, and restored there without instances', async () => {
  const cluster = await describedCluster(home.rds, 'ledger');
  await ask(cloud, cluster, 'CREATE TABLE entry AS SELECT generate_series(1, 1000) AS id');
  const job = await backUp(home, { vault: 'local', resource: ARN, role, tags: { slot: 'tonight' } });
  expect(job).toMatchObject({
    ...{ State: 'COMPLETED', ResourceType: 'Aurora' },
    RecoveryPointArn: says(
      new RegExp(`^arn:aws:rds:${HOME}:${PRODUCTION}:cluster-snapshot:awsbackup:job-[0-9a-f-]+$`),
    ),
  });
  const first = { BackupVaultName: 'local', RecoveryPointArn: job.RecoveryPointArn! };
  expect(await home.backup.describeRecoveryPoint(first)).toMatchObject({
    ...{ ResourceType: 'Aurora', EncryptionKeyArn: homeKey, ResourceName: 'ledger' },
  });
  await expect(
    home.rds.deleteDBClusterSnapshot({
      DBClusterSnapshotIdentifier: first.RecoveryPointArn.split(':cluster-snapshot:')[1]!,
    }),
  ).rejects.toThrow();
  await ask(cloud, cluster, 'DROP TABLE entry');
  const copy = await copyPoint(home, {
    ...{ point: first.RecoveryPointArn, from: 'local', to: vaultArn(away, 'relay'), role },
    lifecycle: { DeleteAfterDays: 30 },
  });
  expect(copy).toMatchObject({ State: 'COMPLETED', DestinationEncryptionKeyArn: awayKey });
  const second = { BackupVaultName: 'relay', RecoveryPointArn: copy.DestinationRecoveryPointArn! };
  const { RestoreMetadata } = await away.backup.getRecoveryPointRestoreMetadata(second);
  expect(RestoreMetadata).toMatchObject({ DBClusterIdentifier: 'ledger', Engine: 'aurora-postgresql' });
  const ofTheSource = ['DBSubnetGroupName', 'VpcSecurityGroupIds'];
  const kept = Object.entries(RestoreMetadata!).filter(([name]) => !ofTheSource.includes(name));
  const restore = async (more: Record<string, string>) => {
    const { RestoreJobId } = await away.backup.startRestoreJob({
      ...{ RecoveryPointArn: second.RecoveryPointArn, IamRoleArn: role, ResourceType: 'Aurora' },
      Metadata: { ...Object.fromEntries(kept), ...more },
      CopySourceTagsToRestoredResource: true,
    });
    return whenRestored(away, RestoreJobId!);
  };
  expect(await restore({ DBClusterIdentifier: 'never', Colour: 'red' })).toMatchObject({
    ...{ Status: 'FAILED', StatusMessage: says(/unknown key Colour/) },
  });
  expect(await restore({ DBClusterIdentifier: 'drill' })).toMatchObject({
    ...{ Status: 'COMPLETED', CreatedResourceArn: `arn:aws:rds:${AWAY}:${PRODUCTION}:cluster:drill` },
  });
  const drill = await describedCluster(away.rds, 'drill');
  expect(drill).toMatchObject({
    ...{ DBClusterMembers: [], KmsKeyId: awayKey, TagList: [{ Key: 'team', Value: 'books' }] },
  });
  await addMember(away, 'drill', 'drill-1');
  const rows = await ask(
    cloud,
    await describedCluster(away.rds, 'drill'),
    'SELECT count(*)::int AS n FROM entry',
  );
  expect(rows).toEqual([{ n: 1000 }]);
  await home.backup.deleteRecoveryPoint(first);
});

test('a member of a cluster is no resource of its own, and a job waits for a cluster that is not available', async () => {
  const member = home.backup.startBackupJob({
    ...{ BackupVaultName: 'local', IamRoleArn: role },
    ResourceArn: `arn:aws:rds:${HOME}:${PRODUCTION}:db:ledger-1`,
  });
  await expect(member).rejects.toThrow(/does not exist/);
  await home.rds.stopDBCluster({ DBClusterIdentifier: 'ledger' });
  const { BackupJobId } = await home.backup.startBackupJob({
    ...{ BackupVaultName: 'local', ResourceArn: ARN, IamRoleArn: role, StartWindowMinutes: 60 },
  });
  await cloud.advance({ hours: 1 });
  expect(await whenBackedUp(home, BackupJobId!)).toMatchObject({
    ...{ State: 'EXPIRED', StatusMessage: says(/start window/) },
  });
});
