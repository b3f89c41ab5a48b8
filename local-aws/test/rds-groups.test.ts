import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { DBInstance, Parameter } from '@aws-sdk/client-rds';
import {
  AWAY,
  type Cloud,
  type Corner,
  createInstance,
  HOME,
  openCloud,
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
const DBParameterGroupName = 'tuned';
let family: string;

beforeAll(async () => {
  cloud = await openCloud();
  home = cloud.corner(PRODUCTION, HOME);
  const { DBEngineVersions: [version] = [] } = await home.rds.describeDBEngineVersions({
    Engine: 'postgres',
  });
  family = version!.DBParameterGroupFamily!;
  await home.rds.createDBParameterGroup({
    ...{ DBParameterGroupName: 'Tuned', DBParameterGroupFamily: family, Description: 'for tests' },
  });
  await set({ ParameterName: 'work_mem', ParameterValue: '1024', ApplyMethod: 'immediate' });
  shop = await createInstance(home, { id: 'shop', options: { DBParameterGroupName } });
});
afterAll(async () => {
  await cloud.end();
});

const named = (name: string) => expect.objectContaining({ name }) as unknown;
const set = (...Parameters: Parameter[]) =>
  home.rds.modifyDBParameterGroup({ DBParameterGroupName, Parameters });
const describe = async (id = 'shop') =>
  (await home.rds.describeDBInstances({ DBInstanceIdentifier: id })).DBInstances![0]!;
const show = async (name: string) => (await query(cloud, shop, `SHOW ${name}`))[0]![name];
const applyStatus = async () => (await describe()).DBParameterGroups![0]!.ParameterApplyStatus;
async function reboot(): Promise<void> {
  await home.rds.rebootDBInstance({ DBInstanceIdentifier: 'shop' });
  shop = await whenAvailable(home.rds, 'shop');
}
async function parameters(Source?: string): Promise<Parameter[]> {
  const found: Parameter[] = [];
  let Marker: string | undefined;
  do {
    const page = await home.rds.describeDBParameters({
      ...{ DBParameterGroupName, MaxRecords: 100 },
      ...(Source !== undefined && { Source }),
      ...(Marker !== undefined && { Marker }),
    });
    found.push(...page.Parameters!);
    Marker = page.Marker;
  } while (Marker !== undefined);
  return found;
}

test('a new instance has what its parameter group says', async () => {
  expect(await show('work_mem')).toBe('1MB');
  expect(shop.DBParameterGroups).toEqual([
    { DBParameterGroupName: 'tuned', ParameterApplyStatus: 'in-sync' },
  ]);
});

test('a dynamic parameter holds at once, a static one after the next start', async () => {
  await set(
    { ParameterName: 'log_min_duration_statement', ParameterValue: '250', ApplyMethod: 'immediate' },
    { ParameterName: 'max_connections', ParameterValue: '77', ApplyMethod: 'pending-reboot' },
  );
  await eventually('applied', async () =>
    (await show('log_min_duration_statement')) === '250ms' ? true : undefined,
  );
  expect(await show('max_connections')).toBe('60');
  expect(await applyStatus()).toBe('pending-reboot');
  await reboot();
  expect(await show('max_connections')).toBe('77');
  expect(await applyStatus()).toBe('in-sync');
});

test('parameters are listed page by page, by who set them, with what they may be', async () => {
  const all = await parameters();
  expect(all.length).toBeGreaterThan(300);
  expect(new Set(all.map(({ ParameterName }) => ParameterName)).size).toBe(all.length);
  expect(
    (await parameters('user')).map(({ ParameterName, ParameterValue }) => [ParameterName, ParameterValue]),
  ).toEqual([
    ['log_min_duration_statement', '250'],
    ['max_connections', '77'],
    ['work_mem', '1024'],
  ]);
  expect(all).toContainEqual(
    expect.objectContaining({ ParameterName: 'max_connections', ApplyType: 'static', DataType: 'integer' }),
  );
  expect(all).toContainEqual(expect.objectContaining({ ParameterName: 'port', IsModifiable: false }));
  const { EngineDefaults } = await home.rds.describeEngineDefaultParameters({
    DBParameterGroupFamily: family,
  });
  expect(EngineDefaults?.Parameters).toHaveLength(100);
});

test('what cannot be set is refused, and nothing of the call is kept', async () => {
  const bad: [Parameter, string | RegExp][] = [
    [
      { ParameterName: 'colour', ParameterValue: 'red', ApplyMethod: 'immediate' },
      /Could not find parameter/,
    ],
    [
      { ParameterName: 'listen_addresses', ParameterValue: '*', ApplyMethod: 'immediate' },
      /cannot be modified/,
    ],
    [{ ParameterName: 'work_mem', ParameterValue: '1', ApplyMethod: 'immediate' }, /Invalid parameter value/],
    [
      { ParameterName: 'max_connections', ParameterValue: '80', ApplyMethod: 'immediate' },
      /static parameter/,
    ],
    [
      { ParameterName: 'work_mem', ParameterValue: '{DBInstanceClassMemory/8}', ApplyMethod: 'immediate' },
      /formulas/,
    ],
  ];
  const good = { ParameterName: 'autovacuum', ParameterValue: '0', ApplyMethod: 'immediate' } as const;
  for (const [parameter, message] of bad) await expect(set(good, parameter)).rejects.toThrow(message);
  expect((await parameters('user')).map(({ ParameterName }) => ParameterName)).not.toContain('autovacuum');
  await expect(set(...Array.from({ length: 21 }, () => good))).rejects.toThrow(/maximum of 20/);
  const standard = { DBParameterGroupName: `default.${family}`, Parameters: [good] };
  await expect(home.rds.modifyDBParameterGroup(standard)).rejects.toThrow(/cannot be modified/);
});

test('reset brings the defaults back', async () => {
  await home.rds.resetDBParameterGroup({
    DBParameterGroupName,
    Parameters: [{ ParameterName: 'work_mem', ApplyMethod: 'immediate' }],
  });
  await eventually('reset', async () => ((await show('work_mem')) === '4MB' ? true : undefined));
  await home.rds.resetDBParameterGroup({ DBParameterGroupName, ResetAllParameters: true });
  expect(await parameters('user')).toEqual([]);
  await reboot();
  expect(await show('max_connections')).toBe('60');
});

test('parameters that PostgreSQL refuses make the instance incompatible until they are reset', async () => {
  await set({
    ParameterName: 'shared_preload_libraries',
    ParameterValue: 'no_such_library',
    ApplyMethod: 'pending-reboot',
  });
  await home.rds.rebootDBInstance({ DBInstanceIdentifier: 'shop' });
  await eventually('incompatible', async () =>
    (await describe()).DBInstanceStatus === 'incompatible-parameters' ? true : undefined,
  );
  const snapshot = { DBInstanceIdentifier: 'shop', DBSnapshotIdentifier: 'never' };
  await expect(home.rds.createDBSnapshot(snapshot)).rejects.toEqual(named('InvalidDBInstanceStateFault'));
  await home.rds.resetDBParameterGroup({ DBParameterGroupName, ResetAllParameters: true });
  await reboot();
  expect(await query(cloud, shop, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('parameter groups are copied, bound to a family and to who uses them, and counted', async () => {
  await set({ ParameterName: 'work_mem', ParameterValue: '2048', ApplyMethod: 'immediate' });
  const { DBParameterGroup } = await home.rds.copyDBParameterGroup({
    ...{ SourceDBParameterGroupIdentifier: 'tuned', TargetDBParameterGroupIdentifier: 'tuned-too' },
    TargetDBParameterGroupDescription: 'a copy',
  });
  expect(DBParameterGroup).toMatchObject({
    DBParameterGroupName: 'tuned-too',
    DBParameterGroupFamily: family,
  });
  const { Parameters } = await home.rds.describeDBParameters({
    DBParameterGroupName: 'tuned-too',
    Source: 'user',
  });
  expect(Parameters).toEqual([
    expect.objectContaining({ ParameterName: 'work_mem', ParameterValue: '2048' }),
  ]);
  await expect(home.rds.deleteDBParameterGroup({ DBParameterGroupName })).rejects.toEqual(
    named('InvalidDBParameterGroupStateFault'),
  );
  await home.rds.deleteDBParameterGroup({ DBParameterGroupName: 'tuned-too' });
  await expect(home.rds.describeDBParameterGroups({ DBParameterGroupName: 'tuned-too' })).rejects.toEqual(
    named('DBParameterGroupNotFoundFault'),
  );
  const wrong = { DBParameterGroupName: 'old', DBParameterGroupFamily: 'postgres9.6', Description: 'x' };
  await expect(home.rds.createDBParameterGroup(wrong)).rejects.toEqual(named('InvalidParameterValue'));
  expect((await cloud.admin('POST', '/quotas', { name: 'DBParameterGroups', value: 1 })).status).toBe(200);
  await expect(home.rds.createDBParameterGroup({ ...wrong, DBParameterGroupFamily: family })).rejects.toEqual(
    named('DBParameterGroupQuotaExceededFault'),
  );
  await cloud.admin('POST', '/quotas', { name: 'DBParameterGroups', value: -1 });
  await expect(
    createInstance(home, { id: 'other', options: { DBParameterGroupName: 'unknown' } }),
  ).rejects.toEqual(named('DBParameterGroupNotFoundFault'));
});

test('an option group of one’s own stays with the instance and its snapshots, and a copy elsewhere must name another', async () => {
  const MajorEngineVersion = shop.EngineVersion!.split('.')[0]!;
  const create = { OptionGroupName: 'Special', EngineName: 'postgres', MajorEngineVersion };
  await home.rds.createOptionGroup({ ...create, OptionGroupDescription: 'no options' });
  await expect(home.rds.createOptionGroup({ ...create, OptionGroupDescription: 'again' })).rejects.toEqual(
    named('OptionGroupAlreadyExistsFault'),
  );
  await expect(
    createInstance(home, { id: 'other', options: { OptionGroupName: 'unknown' } }),
  ).rejects.toEqual(named('OptionGroupNotFoundFault'));
  await home.rds.modifyDBInstance({ DBInstanceIdentifier: 'shop', OptionGroupName: 'special' });
  await home.rds.createDBSnapshot({ DBInstanceIdentifier: 'shop', DBSnapshotIdentifier: 'with-options' });
  const snapshot = await eventually('taken', async () => {
    const { DBSnapshots } = await home.rds.describeDBSnapshots({ DBSnapshotIdentifier: 'with-options' });
    return DBSnapshots![0]!.Status === 'available' ? DBSnapshots![0] : undefined;
  });
  expect(snapshot.OptionGroupName).toBe('special');
  await expect(home.rds.deleteOptionGroup({ OptionGroupName: 'special' })).rejects.toEqual(
    named('InvalidOptionGroupStateFault'),
  );
  const away = cloud.corner(PRODUCTION, AWAY);
  const copy = (more: object) =>
    away.rds.copyDBSnapshot({
      ...{
        SourceDBSnapshotIdentifier: snapshot.DBSnapshotArn!,
        TargetDBSnapshotIdentifier: 'elsewhere',
        ...more,
      },
    });
  await expect(copy({})).rejects.toThrow(/specify OptionGroupName/);
  await expect(copy({ OptionGroupName: 'special' })).rejects.toEqual(named('OptionGroupNotFoundFault'));
  const { DBSnapshot } = await copy({ OptionGroupName: `default:postgres-${MajorEngineVersion}` });
  expect(DBSnapshot?.OptionGroupName).toBe(`default:postgres-${MajorEngineVersion}`);
  const { OptionGroupsList } = await home.rds.describeOptionGroups({ EngineName: 'postgres' });
  expect(OptionGroupsList?.map(({ OptionGroupName }) => OptionGroupName)).toEqual([
    `default:postgres-${MajorEngineVersion}`,
    'special',
  ]);
});

test('an instance that is gone uses its groups no longer', async () => {
  await whenAvailable(home.rds, 'shop');
  await home.rds.deleteDBInstance({ DBInstanceIdentifier: 'shop', SkipFinalSnapshot: true });
  await whenGone(home.rds, 'shop');
  await home.rds.deleteDBParameterGroup({ DBParameterGroupName });
});
