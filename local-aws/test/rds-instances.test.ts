import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { DBInstance } from '@aws-sdk/client-rds';
import {
  AWAY,
  type Cloud,
  connect,
  type Corner,
  createInstance,
  customerKey,
  DRILL,
  HOME,
  openCloud,
  PASSWORD,
  PRODUCTION,
  query,
  whenAvailable,
  whenGone,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

jest.setTimeout(240_000); // real servers are booted; on a busy machine that takes its time

let cloud: Cloud;
let home: Corner;
let shop: DBInstance;

beforeAll(async () => {
  cloud = await openCloud();
  home = cloud.corner(PRODUCTION, HOME);
  shop = await createInstance(home, {
    id: 'Shop',
    options: { Tags: [{ Key: 'team', Value: 'orders' }], CopyTagsToSnapshot: true },
  });
});
afterAll(async () => {
  await cloud.end();
});

const describe = async (id = 'shop') =>
  (await home.rds.describeDBInstances({ DBInstanceIdentifier: id })).DBInstances![0]!;
const named = (name: string) => expect.objectContaining({ name }) as unknown;

test('an instance is a PostgreSQL server with the master user and the database that were asked for', async () => {
  expect(shop).toMatchObject({
    DBInstanceIdentifier: 'shop',
    DBInstanceArn: `arn:aws:rds:${HOME}:${PRODUCTION}:db:shop`,
    Engine: 'postgres',
    MasterUsername: 'boss',
    DBName: 'shop',
    StorageEncrypted: false,
    PubliclyAccessible: false,
    CACertificateIdentifier: 'rds-ca-rsa2048-g1',
    TagList: [{ Key: 'team', Value: 'orders' }],
  });
  expect(shop.DbiResourceId).toMatch(/^db-[A-Z2-7]{26}$/);
  expect(await query(cloud, shop, 'SELECT current_user AS me, current_database() AS db')).toEqual([
    { me: 'boss', db: 'shop' },
  ]);
});

test('a name that is taken, unknown, malformed, or another engine is refused as AWS refuses it', async () => {
  const again = {
    DBInstanceIdentifier: 'SHOP',
    DBInstanceClass: 'db.t4g.micro',
    Engine: 'postgres',
    MasterUsername: 'boss',
    MasterUserPassword: PASSWORD,
  };
  await expect(home.rds.createDBInstance(again)).rejects.toEqual(named('DBInstanceAlreadyExistsFault'));
  await expect(describe('nobody')).rejects.toEqual(named('DBInstanceNotFoundFault'));
  await expect(home.rds.createDBInstance({ ...again, DBInstanceIdentifier: 'a--b' })).rejects.toEqual(
    named('InvalidParameterValue'),
  );
  await expect(
    home.rds.createDBInstance({ ...again, DBInstanceIdentifier: 'other', Engine: 'mysql' }),
  ).rejects.toEqual(named('InvalidParameterValue'));
  await expect(
    home.rds.createDBInstance({ ...again, DBInstanceIdentifier: 'other', Domain: 'd-1' }),
  ).rejects.toEqual(named('NotImplemented'));
});

test('accounts and regions do not see each other', async () => {
  const { DBInstances: away } = await cloud.corner(PRODUCTION, AWAY).rds.describeDBInstances({});
  const { DBInstances: drill } = await cloud.corner(DRILL, HOME).rds.describeDBInstances({});
  expect([away, drill]).toEqual([[], []]);
});

test('filters and page sizes are checked', async () => {
  const list = (Filters: { Name: string; Values: string[] }[]) => home.rds.describeDBInstances({ Filters });
  expect((await list([{ Name: 'dbi-resource-id', Values: [shop.DbiResourceId!] }])).DBInstances).toHaveLength(
    1,
  );
  expect((await list([{ Name: 'engine', Values: ['mysql'] }])).DBInstances).toEqual([]);
  await expect(list([{ Name: 'colour', Values: ['red'] }])).rejects.toThrow(
    /Unrecognized filter name: colour/,
  );
  await expect(home.rds.describeDBInstances({ MaxRecords: 5 })).rejects.toThrow(/between 20 and 100/);
});

test('only what the security groups admit can connect, and a change of the rules holds at once', async () => {
  const group = shop.VpcSecurityGroups![0]!.VpcSecurityGroupId!;
  const outcome = (from: string) =>
    query(cloud, shop, 'SELECT 1 AS one', { from }).then(
      () => 'in',
      (err: unknown) => (err as Error).message,
    );
  const other = '127.99.0.7';
  expect(await outcome(other)).toMatch(/no pg_hba.conf entry for host "127\.99\.0\.7"/);
  expect(await outcome('127.0.0.1')).toMatch(/no pg_hba.conf entry/);
  const IpPermissions = [
    { IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, IpRanges: [{ CidrIp: '10.99.0.0/16' }] },
  ];
  await home.ec2.authorizeSecurityGroupIngress({ GroupId: group, IpPermissions });
  await eventually('admitted', async () => ((await outcome(other)) === 'in' ? true : undefined));
  await home.ec2.revokeSecurityGroupIngress({ GroupId: group, IpPermissions });
  await eventually('shut out', async () => (/no pg_hba/.test(await outcome(other)) ? true : undefined));
});

test('a new master password is announced as pending, then holds, and the old one no longer does', async () => {
  const Password = 'another-one-for-tests';
  const { DBInstance } = await home.rds.modifyDBInstance({
    DBInstanceIdentifier: 'shop',
    MasterUserPassword: Password,
    ApplyImmediately: true,
  });
  expect(DBInstance).toMatchObject({
    DBInstanceStatus: 'available',
    PendingModifiedValues: { MasterUserPassword: '****' },
  });
  await eventually('applied', async () => {
    const now = await describe();
    return now.DBInstanceStatus === 'available' && now.PendingModifiedValues?.MasterUserPassword === undefined
      ? now
      : undefined;
  });
  expect(await query(cloud, shop, 'SELECT 1 AS one', { password: Password })).toEqual([{ one: 1 }]);
  await expect(query(cloud, shop, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  await home.rds.modifyDBInstance({ DBInstanceIdentifier: 'shop', MasterUserPassword: PASSWORD });
  await eventually('back', async () =>
    (await describe()).PendingModifiedValues?.MasterUserPassword === undefined ? true : undefined,
  );
});

test('a managed master password lies in Secrets Manager, opens the database, and goes with the instance', async () => {
  await home.rds.createDBInstance({
    ...{
      DBInstanceIdentifier: 'managed',
      DBInstanceClass: 'db.t4g.micro',
      Engine: 'postgres',
      MasterUsername: 'boss',
    },
    ...{ ManageMasterUserPassword: true, BackupRetentionPeriod: 0 },
  });
  const managed = await whenAvailable(home.rds, 'managed');
  expect(managed.MasterUserSecret).toMatchObject({ SecretStatus: 'active' });
  const { SecretString } = await home.secrets.getSecretValue({
    SecretId: managed.MasterUserSecret!.SecretArn!,
  });
  const { username, password } = JSON.parse(SecretString!) as { username: string; password: string };
  expect(username).toBe('boss');
  expect(await query(cloud, managed, 'SELECT 1 AS one', { password, database: 'postgres' })).toEqual([
    { one: 1 },
  ]);
  await home.rds.deleteDBInstance({ DBInstanceIdentifier: 'managed', SkipFinalSnapshot: true });
  await whenGone(home.rds, 'managed');
  await expect(
    home.secrets.getSecretValue({ SecretId: managed.MasterUserSecret!.SecretArn! }),
  ).rejects.toEqual(named('ResourceNotFoundException'));
});

test('what deletion demands: no protection, and either a final snapshot or none, never both', async () => {
  const remove = (more: object) => home.rds.deleteDBInstance({ DBInstanceIdentifier: 'shop', ...more });
  await home.rds.modifyDBInstance({ DBInstanceIdentifier: 'shop', DeletionProtection: true });
  await expect(remove({ SkipFinalSnapshot: true })).rejects.toThrow(
    'Cannot delete protected DB Instance, please disable deletion protection and try again.',
  );
  await home.rds.modifyDBInstance({ DBInstanceIdentifier: 'shop', DeletionProtection: false });
  await expect(remove({})).rejects.toEqual(named('InvalidParameterCombination'));
  await expect(remove({ SkipFinalSnapshot: true, FinalDBSnapshotIdentifier: 'last' })).rejects.toEqual(
    named('InvalidParameterCombination'),
  );
});

test('stopped means stopped: nothing answers until it is started again, on the same port', async () => {
  await home.rds.stopDBInstance({ DBInstanceIdentifier: 'shop' });
  await eventually('stopped', async () =>
    (await describe()).DBInstanceStatus === 'stopped' ? true : undefined,
  );
  await expect(connect(cloud, shop)).rejects.toThrow(/ECONNREFUSED/);
  await expect(home.rds.rebootDBInstance({ DBInstanceIdentifier: 'shop' })).rejects.toEqual(
    named('InvalidDBInstanceStateFault'),
  );
  await home.rds.startDBInstance({ DBInstanceIdentifier: 'shop' });
  const back = await whenAvailable(home.rds, 'shop');
  expect(back.Endpoint).toEqual(shop.Endpoint);
  expect(await query(cloud, back, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('the server log is handed out in portions that end with whole lines', async () => {
  await query(cloud, shop, `DO $$ BEGIN RAISE WARNING 'a line for the log'; END $$`);
  const { DescribeDBLogFiles } = await home.rds.describeDBLogFiles({ DBInstanceIdentifier: 'shop' });
  expect(DescribeDBLogFiles).toEqual([expect.objectContaining({ LogFileName: 'error/postgres.log' })]);
  let [text, Marker, pending] = ['', '0', true];
  while (pending) {
    const part = await home.rds.downloadDBLogFilePortion({
      ...{ DBInstanceIdentifier: 'shop', LogFileName: 'error/postgres.log', Marker, NumberOfLines: 5 },
    });
    text += part.LogFileData ?? '';
    [Marker, pending] = [part.Marker!, part.AdditionalDataPending === true];
  }
  expect(text).toMatch(/WARNING: {2}a line for the log\n/);
  const elsewhere = home.rds.downloadDBLogFilePortion({
    DBInstanceIdentifier: 'shop',
    LogFileName: 'error/../../server.json',
  });
  await expect(elsewhere).rejects.toEqual(named('DBLogFileNotFoundFault'));
});

test('tags can be added, listed and removed by ARN; keys of AWS cannot be taken', async () => {
  const ResourceName = shop.DBInstanceArn!;
  await home.rds.addTagsToResource({ ResourceName, Tags: [{ Key: 'drill', Value: '7 & <8>' }] });
  const { TagList } = await home.rds.listTagsForResource({ ResourceName });
  expect(TagList).toEqual([
    { Key: 'team', Value: 'orders' },
    { Key: 'drill', Value: '7 & <8>' },
  ]);
  await home.rds.removeTagsFromResource({ ResourceName, TagKeys: ['drill'] });
  expect((await describe()).TagList).toEqual([{ Key: 'team', Value: 'orders' }]);
  await expect(
    home.rds.addTagsToResource({ ResourceName, Tags: [{ Key: 'aws:x', Value: 'y' }] }),
  ).rejects.toThrow(/reserved/);
});

test('a subnet group decides the VPC, needs two zones, and cannot go while it is used', async () => {
  const { Vpc } = await home.ec2.createVpc({ CidrBlock: '10.42.0.0/16' });
  const subnet = async (CidrBlock: string, AvailabilityZone: string) =>
    (await home.ec2.createSubnet({ VpcId: Vpc!.VpcId!, CidrBlock, AvailabilityZone })).Subnet!.SubnetId!;
  const [one, two] = [await subnet('10.42.1.0/24', `${HOME}a`), await subnet('10.42.2.0/24', `${HOME}b`)];
  const create = (SubnetIds: string[]) =>
    home.rds.createDBSubnetGroup({
      DBSubnetGroupName: 'Private',
      DBSubnetGroupDescription: 'no way out',
      SubnetIds,
    });
  await expect(create([one])).rejects.toEqual(named('DBSubnetGroupDoesNotCoverEnoughAZs'));
  const { DBSubnetGroup } = await create([one, two]);
  expect(DBSubnetGroup).toMatchObject({
    DBSubnetGroupName: 'private',
    VpcId: Vpc!.VpcId,
    SubnetGroupStatus: 'Complete',
  });
  const { GroupId } = await home.ec2.createSecurityGroup({
    GroupName: 'db',
    Description: 'db',
    VpcId: Vpc!.VpcId!,
  });
  const options = { DBSubnetGroupName: 'private', VpcSecurityGroupIds: [GroupId!] };
  await expect(
    createInstance(home, {
      id: 'inside',
      options: { ...options, VpcSecurityGroupIds: [shop.VpcSecurityGroups![0]!.VpcSecurityGroupId!] },
    }),
  ).rejects.toThrow(/different VPCs/);
  const inside = await createInstance(home, { id: 'inside', options });
  expect(inside.Endpoint?.Address).toMatch(/^127\.42\.1\./);
  await expect(query(cloud, inside, 'SELECT 1')).rejects.toThrow(/no pg_hba.conf entry/); // its group admits nobody
  await expect(home.rds.deleteDBSubnetGroup({ DBSubnetGroupName: 'private' })).rejects.toEqual(
    named('InvalidDBSubnetGroupStateFault'),
  );
  await expect(home.ec2.deleteSecurityGroup({ GroupId: GroupId! })).rejects.toThrow(/DB instance inside/);
  await home.rds.deleteDBInstance({ DBInstanceIdentifier: 'inside', SkipFinalSnapshot: true });
  await whenGone(home.rds, 'inside');
  await home.rds.deleteDBSubnetGroup({ DBSubnetGroupName: 'private' });
});

test('a key that is disabled cannot encrypt anything new', async () => {
  const key = await customerKey(home);
  await home.kms.disableKey({ KeyId: key });
  await expect(createInstance(home, { id: 'locked-out', kmsKeyId: key })).rejects.toEqual(
    named('KMSKeyNotAccessibleFault'),
  );
});

test('quotas, versions, events and automated backups are told', async () => {
  const { AccountQuotas } = await home.rds.describeAccountAttributes({});
  expect(AccountQuotas).toContainEqual({ AccountQuotaName: 'DBInstances', Used: 1, Max: 40 });
  const { DBEngineVersions } = await home.rds.describeDBEngineVersions({ Engine: 'postgres' });
  expect(DBEngineVersions).toEqual([expect.objectContaining({ EngineVersion: shop.EngineVersion })]);
  const { Events } = await home.rds.describeEvents({ SourceType: 'db-instance', SourceIdentifier: 'shop' });
  expect(Events?.map(({ Message }) => Message)).toContain('DB instance created');
  const { DBInstanceAutomatedBackups } = await home.rds.describeDBInstanceAutomatedBackups({});
  expect(DBInstanceAutomatedBackups).toEqual([]); // its retention is 0
});

test('what is not implemented says so', async () => {
  await expect(home.rds.promoteReadReplica({ DBInstanceIdentifier: 'shop' })).rejects.toEqual(
    expect.objectContaining({
      name: 'NotImplemented',
      $metadata: expect.objectContaining({ httpStatusCode: 501 }) as object,
    }),
  );
});
