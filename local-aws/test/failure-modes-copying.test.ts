import type { RDS } from '@aws-sdk/client-rds';
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { backUp, copyPoint, vaultArn } from './support/backup-flow.ts';
import {
  AWAY,
  backupRole,
  type Corner,
  createInstance,
  customerKey,
  DRILL,
  HOME,
  PRODUCTION,
  VAULT,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';
import { refusal, row, says, Trouble } from './support/failure-modes.ts';

let lab: Trouble;
let rds: RDS;
let key: string;
let awayKey: string;
const ARN = `arn:aws:rds:${HOME}:${PRODUCTION}:snapshot:base`;
beforeAll(async () => {
  lab = await Trouble.start();
  ({ rds } = lab.home);
  key = await customerKey(lab.home, DRILL, VAULT);
  awayKey = await customerKey(lab.away);
  await createInstance(lab.home, { id: 'orders', kmsKeyId: key });
  await rds.createDBSnapshot({
    ...{ DBInstanceIdentifier: 'orders', DBSnapshotIdentifier: 'base' },
    Tags: [{ Key: 'owner', Value: 'shop' }],
  });
  await settled(lab.home, 'base');
});
afterEach(() => lab.clear());
afterAll(() => lab.end());

const describe = async (corner: Corner, id: string) =>
  (await corner.rds.describeDBSnapshots({ DBSnapshotIdentifier: id })).DBSnapshots?.[0];
const settled = (corner: Corner, id: string) =>
  eventually(`snapshot ${id} is over`, async () => {
    const found = await describe(corner, id);
    return ['available', 'failed'].includes(found?.Status ?? '') ? found : undefined;
  });
const copyAway = (id: string, more: object = {}) =>
  lab.away.rds.copyDBSnapshot({
    ...{ SourceDBSnapshotIdentifier: ARN, TargetDBSnapshotIdentifier: id, KmsKeyId: awayKey, ...more },
  });
const copyHere = (source: string, id: string, more: object = {}) =>
  rds.copyDBSnapshot({ SourceDBSnapshotIdentifier: source, TargetDBSnapshotIdentifier: id, ...more });

row(14, 'the destination region takes no more copies at the same time', async () => {
  await lab.quota('CrossRegionCopies', 1);
  await lab.fault({ kind: 'stall-job', service: 'rds', job: 'copy-snapshot' });
  await copyAway('first');
  await expect(copyAway('second')).rejects.toMatchObject(
    refusal('SnapshotQuotaExceededFault', /Cannot copy more than 1 snapshots across regions/),
  );
  await lab.quota('CrossRegionCopies', -1);
  await lab.clear();
  await settled(lab.away, 'first');
});

row(15, 'a copy is queued, without any progress', async () => {
  await lab.fault({ kind: 'stall-job', service: 'rds', job: 'copy-snapshot' });
  await copyAway('queued');
  await lab.cloud.advance({ hours: 20 });
  expect(await describe(lab.away, 'queued')).toMatchObject({
    ...{ Status: says(/^(copying|creating)$/), PercentProgress: 0 },
  });
  await lab.clear();
  expect(await settled(lab.away, 'queued')).toMatchObject({ Status: 'available' });
});

row(16, 'the key of a copy cannot be used', async () => {
  const other = await customerKey(lab.cloud.corner(VAULT, AWAY));
  await expect(copyAway('locked-out', { KmsKeyId: other })).rejects.toMatchObject(
    refusal('KMSKeyNotAccessibleFault'),
  );
});

row(17, 'a key is disabled, or about to be deleted, and comes back', async () => {
  const { kms } = lab.away;
  const state = async () => (await kms.describeKey({ KeyId: awayKey })).KeyMetadata?.KeyState;
  await kms.scheduleKeyDeletion({ KeyId: awayKey, PendingWindowInDays: 7 });
  expect(await state()).toBe('PendingDeletion');
  await expect(copyAway('too-late')).rejects.toMatchObject(refusal('KMSKeyNotAccessibleFault'));
  await kms.cancelKeyDeletion({ KeyId: awayKey });
  expect(await state()).toBe('Disabled');
  await kms.enableKey({ KeyId: awayKey });
  expect(await state()).toBe('Enabled');
});

row(18, 'a snapshot lies under the default key, and must be copied to another key to be shared', async () => {
  const { KeyMetadata: byDefault } = await lab.home.kms.describeKey({ KeyId: 'alias/aws/rds' });
  await copyHere('base', 'by-default', { KmsKeyId: byDefault?.Arn });
  const { KmsKeyId } = await settled(lab.home, 'by-default');
  const { KeyMetadata } = await lab.home.kms.describeKey({ KeyId: KmsKeyId });
  expect(KeyMetadata).toMatchObject({ KeyManager: 'AWS', KeyId: byDefault?.KeyId });
  const share = (DBSnapshotIdentifier: string) =>
    rds.modifyDBSnapshotAttribute({ DBSnapshotIdentifier, AttributeName: 'restore', ValuesToAdd: [DRILL] });
  await expect(share('by-default')).rejects.toMatchObject(
    refusal('InvalidParameterCombination', /default key/),
  );
  await copyHere('by-default', 'by-our-key', { KmsKeyId: key });
  expect(await settled(lab.home, 'by-our-key')).toMatchObject({ Status: 'available', KmsKeyId: key });
  await share('by-our-key');
});

row(
  23,
  'policies bind to a region, or the role of RDS is gone: nothing is copied across regions',
  async () => {
    const bound = (more: object = {}) => ({
      ...{ Effect: 'Deny', Action: 'rds:*', Resource: '*' },
      Condition: { StringNotEquals: { 'aws:RequestedRegion': AWAY }, ...more },
    });
    const organization = (Statement: object[]) =>
      lab.cloud.admin('POST', '/organization/policies', {
        ...{ name: 'regions', policy: { Version: '2012-10-17', Statement }, accounts: [PRODUCTION] },
      });
    expect(await organization([bound()])).toMatchObject({ status: 200 });
    await expect(copyAway('bound')).rejects.toMatchObject(
      refusal('AccessDenied', /rds:CopyDBSnapshot on resource: .*explicit deny in a service control policy/),
    );
    await organization([bound({ Null: { 'aws:CalledVia': 'true' } })]);
    await copyAway('exempt');
    await fetch(`${lab.cloud.aws.adminEndpoint}/organization/policies?name=regions`, { method: 'DELETE' });

    const { iam } = lab.home;
    const role = { AWSServiceName: 'rds.amazonaws.com' };
    await iam.createServiceLinkedRole(role);
    const { DeletionTaskId } = await iam.deleteServiceLinkedRole({ RoleName: 'AWSServiceRoleForRDS' });
    expect(await iam.getServiceLinkedRoleDeletionStatus({ DeletionTaskId })).toMatchObject({
      Status: 'SUCCEEDED',
    });
    await expect(copyAway('without-role')).rejects.toMatchObject(
      refusal('AccessDenied', /AWSServiceRoleForRDS.* rds:CrossRegionCommunication/),
    );
    await iam.createServiceLinkedRole(role);
    await copyAway('with-role');
    for (const id of ['exempt', 'with-role'])
      expect(await settled(lab.away, id)).toMatchObject({ Status: 'available' });
  },
);

row(19, 'a shared encrypted snapshot cannot be restored directly', async () => {
  const share = { AttributeName: 'restore', ValuesToAdd: [DRILL] };
  await rds.modifyDBSnapshotAttribute({ DBSnapshotIdentifier: 'base', ...share });
  await expect(
    lab.drill.rds.restoreDBInstanceFromDBSnapshot({ DBInstanceIdentifier: 'x', DBSnapshotIdentifier: ARN }),
  ).rejects.toMatchObject(refusal('KMSKeyNotAccessibleFault', /copy/));
});

row(25, 'a share is left behind, and can be read back', async () => {
  const shared = async () => {
    const { DBSnapshotAttributesResult: result } = await rds.describeDBSnapshotAttributes({
      DBSnapshotIdentifier: 'base',
    });
    return result?.DBSnapshotAttributes?.find(({ AttributeName }) => AttributeName === 'restore')
      ?.AttributeValues;
  };
  expect(await shared()).toEqual([DRILL]);
  const unshare = { AttributeName: 'restore', ValuesToRemove: [DRILL] };
  await rds.modifyDBSnapshotAttribute({ DBSnapshotIdentifier: 'base', ...unshare });
  expect((await shared()) ?? []).toEqual([]);
});

row(20, 'the option group is not there in the destination region', async () => {
  await expect(copyAway('with-options', { OptionGroupName: 'house-options' })).rejects.toMatchObject(
    refusal('OptionGroupNotFoundFault', /house-options/),
  );
});

row(21, 'a copy takes much longer than the ones before it', async () => {
  const took = async (id: string) => {
    const from = Date.now();
    await copyAway(id);
    await settled(lab.away, id);
    return Date.now() - from;
  };
  const usual = await took('usual');
  await lab.fault({ kind: 'stall-job', service: 'rds', job: 'copy-snapshot', seconds: (usual * 3) / 1000 });
  expect(await took('full')).toBeGreaterThan(usual * 2);
});

row(22, 'the source of a copy is deleted while it is copied', async () => {
  await copyHere('base', 'short-lived');
  await settled(lab.home, 'short-lived');
  await lab.fault({ kind: 'stall-job', service: 'rds', job: 'copy-snapshot' });
  await copyHere('short-lived', 'orphan');
  await rds.deleteDBSnapshot({ DBSnapshotIdentifier: 'short-lived' });
  await eventually('the source is gone', async () =>
    describe(lab.home, 'short-lived').then(
      () => undefined,
      () => true,
    ),
  );
  await lab.clear();
  expect(await settled(lab.home, 'orphan')).toMatchObject({ Status: 'failed' });
});

row(24, 'a copy has lost its tags, since others were given', async () => {
  await copyHere('base', 'retagged', { CopyTags: true, Tags: [{ Key: 'slot', Value: 'tonight' }] });
  expect(await settled(lab.home, 'retagged')).toMatchObject({ TagList: [{ Key: 'slot', Value: 'tonight' }] });
  const ResourceName = `arn:aws:rds:${HOME}:${PRODUCTION}:snapshot:retagged`;
  await rds.addTagsToResource({ ResourceName, Tags: [{ Key: 'owner', Value: 'shop' }] });
  expect((await rds.listTagsForResource({ ResourceName })).TagList).toHaveLength(2);
});

row(26, 'a copy into another account is refused by its vault', async () => {
  const role = await backupRole(lab.home);
  await lab.home.backup.createBackupVault({ BackupVaultName: 'local', EncryptionKeyArn: key });
  const safeKey = await customerKey(lab.safe);
  await lab.safe.backup.createBackupVault({ BackupVaultName: 'safe', EncryptionKeyArn: safeKey });
  const resource = `arn:aws:rds:${HOME}:${PRODUCTION}:db:orders`;
  const { RecoveryPointArn: point = '' } = await backUp(lab.home, { vault: 'local', resource, role });
  const copy = await copyPoint(lab.home, { point, from: 'local', to: vaultArn(lab.safe, 'safe'), role });
  expect(copy).toMatchObject({ State: 'FAILED', StatusMessage: says(/access denied/i) });
});
