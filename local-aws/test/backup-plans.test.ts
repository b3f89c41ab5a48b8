import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { BackupSelection } from '@aws-sdk/client-backup';
import { parseSchedule } from '../src/backup/plans/schedule.ts';
import { bucketRole, createBucket } from './support/backup-buckets.ts';
import { vaultArn } from './support/backup-flow.ts';
import { AWAY, type Cloud, type Corner, HOME, openCloud, PRODUCTION } from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

jest.setTimeout(240_000);

let cloud: Cloud;
let home: Corner;
let away: Corner;
let role: string;
const buckets: Record<string, string> = {};
const named = (name: string) => expect.objectContaining({ name }) as unknown;

beforeAll(async () => {
  cloud = await openCloud();
  home = cloud.corner(PRODUCTION, HOME);
  away = cloud.corner(PRODUCTION, AWAY);
  role = await bucketRole(home);
  await home.backup.createBackupVault({ BackupVaultName: 'nightly' });
  await away.backup.createBackupVault({ BackupVaultName: 'relay' });
  buckets['gold'] = await createBucket(cloud, home, 'plan-gold', { tier: 'gold', team: 'orders' });
  buckets['silver'] = await createBucket(cloud, home, 'plan-silver', { tier: 'silver', team: 'orders' });
  buckets['bare'] = await createBucket(cloud, home, 'plan-bare');
});
afterAll(async () => {
  await cloud.end();
});

const rule = (more = {}) => ({
  ...{ RuleName: 'night', TargetBackupVaultName: 'nightly', ScheduleExpression: 'cron(0 5 * * ? *)' },
  ...more,
});
const plan = (BackupPlanName: string, more = {}) => ({ BackupPlanName, Rules: [rule(more)] });
async function newPlan(name: string, more = {}): Promise<string> {
  return (await home.backup.createBackupPlan({ BackupPlan: plan(name, more) })).BackupPlanId!;
}
async function select(BackupPlanId: string, selection: Partial<BackupSelection>): Promise<string> {
  const BackupSelection = { SelectionName: 'some', IamRoleArn: role, ...selection };
  return (await home.backup.createBackupSelection({ BackupPlanId, BackupSelection })).SelectionId!;
}
async function remove(BackupPlanId: string): Promise<void> {
  const { BackupSelectionsList = [] } = await home.backup.listBackupSelections({ BackupPlanId });
  for (const { SelectionId } of BackupSelectionsList)
    await home.backup.deleteBackupSelection({ BackupPlanId, SelectionId });
  await home.backup.deleteBackupPlan({ BackupPlanId });
}
const jobsOf = async (BackupPlanId: string) =>
  ((await home.backup.listBackupJobs({})).BackupJobs ?? []).filter(
    ({ CreatedBy }) => CreatedBy?.BackupPlanId === BackupPlanId,
  );

test('a plan reads back with what AWS fills in; its versions stay readable, and rules keep their ids', async () => {
  const created = await home.backup.createBackupPlan({
    BackupPlan: plan('read-back', { Lifecycle: { DeleteAfterDays: 90 } }),
    BackupPlanTags: { owner: 'ops' },
  });
  const BackupPlanId = created.BackupPlanId!;
  expect(created.BackupPlanArn).toBe(`arn:aws:backup:${HOME}:${PRODUCTION}:backup-plan:${BackupPlanId}`);
  const first = await home.backup.getBackupPlan({ BackupPlanId, MaxScheduledRunsPreview: 3 });
  expect(first.BackupPlan!.Rules).toEqual([
    {
      ...rule({ Lifecycle: { DeleteAfterDays: 90 } }),
      ...{ ScheduleExpressionTimezone: 'Etc/UTC', StartWindowMinutes: 480, CompletionWindowMinutes: 10_080 },
      ...{ RuleId: expect.any(String) as unknown, EnableContinuousBackup: false },
    },
  ]);
  expect(first.ScheduledRunsPreview).toHaveLength(3);
  expect(first.ScheduledRunsPreview!.map((run) => run.ExecutionTime!.toISOString().slice(11))).toEqual(
    Array(3).fill('05:00:00.000Z'),
  );
  await home.backup.updateBackupPlan({ BackupPlanId, BackupPlan: plan('read-back') });
  const second = await home.backup.getBackupPlan({ BackupPlanId });
  expect(second.VersionId).not.toBe(first.VersionId);
  expect(second.BackupPlan!.Rules![0]).toMatchObject({ RuleId: first.BackupPlan!.Rules![0]!.RuleId });
  expect(second.BackupPlan!.Rules![0]!.Lifecycle).toBeUndefined();
  const older = await home.backup.getBackupPlan({ BackupPlanId, VersionId: first.VersionId! });
  expect(older.BackupPlan!.Rules![0]!.Lifecycle).toEqual({ DeleteAfterDays: 90 });
  const versions = await home.backup.listBackupPlanVersions({ BackupPlanId });
  expect(versions.BackupPlanVersionsList).toHaveLength(2);
  expect((await home.backup.listTags({ ResourceArn: created.BackupPlanArn! })).Tags).toEqual({
    owner: 'ops',
  });
  const { BackupPlanTemplateJson } = await home.backup.exportBackupPlanTemplate({ BackupPlanId });
  const again = await home.backup.getBackupPlanFromJSON({ BackupPlanTemplateJson: BackupPlanTemplateJson! });
  expect(again.BackupPlan).toMatchObject({ BackupPlanName: 'read-back' });
  await remove(BackupPlanId);
  const { BackupPlansList } = await home.backup.listBackupPlans({});
  expect(BackupPlansList).toEqual([]);
  const deleted = await home.backup.listBackupPlans({ IncludeDeleted: true });
  expect(deleted.BackupPlansList).toEqual([
    expect.objectContaining({ BackupPlanId, DeletionDate: expect.any(Date) as unknown }),
  ]);
});

test('plans and selections that make no sense, or that cannot be true here, are refused', async () => {
  const create = (BackupPlan: object) => home.backup.createBackupPlan({ BackupPlan: BackupPlan as never });
  const invalid = named('InvalidParameterValueException');
  await expect(create(plan('odd name!'))).rejects.toEqual(invalid);
  await expect(create({ BackupPlanName: 'empty', Rules: [] })).rejects.toEqual(invalid);
  await expect(create(plan('cron', { ScheduleExpression: 'cron(0 5 * * * *)' }))).rejects.toEqual(invalid);
  await expect(create(plan('zone', { ScheduleExpressionTimezone: 'Moon/Crater' }))).rejects.toEqual(invalid);
  await expect(create(plan('short', { StartWindowMinutes: 30 }))).rejects.toEqual(invalid);
  await expect(create(plan('pitr', { EnableContinuousBackup: true }))).rejects.toEqual(
    named('NotImplemented'),
  );
  const BackupPlanId = await newPlan('refusals');
  await expect(create(plan('refusals'))).rejects.toEqual(named('AlreadyExistsException'));
  await expect(select(BackupPlanId, {})).rejects.toEqual(invalid);
  await expect(
    select(BackupPlanId, { Resources: ['*'], IamRoleArn: `arn:aws:iam::${PRODUCTION}:role/nobody` }),
  ).rejects.toEqual(invalid);
  await select(BackupPlanId, { Resources: ['*'] });
  await expect(select(BackupPlanId, { Resources: ['*'] })).rejects.toEqual(named('AlreadyExistsException'));
  await expect(home.backup.deleteBackupPlan({ BackupPlanId })).rejects.toThrow(
    'Related backup plan selections must be deleted prior to backup plan deletion',
  );
  await remove(BackupPlanId);
});

test.each([
  ['a resource', () => ({ Resources: [buckets['bare']!] }), ['bare']],
  [
    'a pattern',
    () => ({ Resources: ['arn:aws:s3:::plan-*'], NotResources: [buckets['bare']!] }),
    ['gold', 'silver'],
  ],
  [
    'a tag',
    () => ({ ListOfTags: [{ ConditionType: 'STRINGEQUALS', ConditionKey: 'tier', ConditionValue: 'gold' }] }),
    ['gold'],
  ],
  [
    'conditions that must all hold',
    () => ({
      Conditions: {
        StringEquals: [{ ConditionKey: 'aws:ResourceTag/team', ConditionValue: 'orders' }],
        StringNotLike: [{ ConditionKey: 'aws:ResourceTag/tier', ConditionValue: 'go*' }],
      },
    }),
    ['silver'],
  ],
])(
  'the schedule runs by the clock: a selection by %s backs up just that',
  async (how, selection, expected) => {
    const id = await newPlan(`by-${how.replace(/ /g, '-')}`.slice(0, 50), {
      RecoveryPointTags: { made: 'by-plan' },
    });
    await select(id, selection() as Partial<BackupSelection>);
    await cloud.advance({ days: 1 });
    const done = await eventually('the plan ran', async () => {
      const jobs = await jobsOf(id);
      return jobs.length > 0 && jobs.every(({ State }) => State === 'COMPLETED') ? jobs : undefined;
    });
    expect(done.map(({ ResourceArn }) => ResourceArn).sort()).toEqual(
      expected.map((name) => buckets[name]).sort(),
    );
    const { RecoveryPoints } = await home.backup.listRecoveryPointsByBackupVault({
      ...{ BackupVaultName: 'nightly', ByBackupPlanId: id },
    });
    expect(RecoveryPoints).toHaveLength(expected.length);
    const tags = await home.backup.listTags({ ResourceArn: RecoveryPoints![0]!.RecoveryPointArn! });
    expect(tags.Tags).toMatchObject({ made: 'by-plan' });
    await remove(id);
  },
);

test('a rule copies what it backed up, and a jump over many nights runs the last one only and says so', async () => {
  const id = await newPlan('copies', {
    CopyActions: [{ DestinationBackupVaultArn: vaultArn(away, 'relay'), Lifecycle: { DeleteAfterDays: 30 } }],
  });
  await select(id, { Resources: [buckets['gold']!] });
  await cloud.advance({ days: 10 });
  const copy = await eventually('copied', async () => {
    const { CopyJobs = [] } = await home.backup.listCopyJobs({});
    return CopyJobs.find(({ CreatedBy, State }) => CreatedBy?.BackupPlanId === id && State === 'COMPLETED');
  });
  const jobs = await jobsOf(id);
  expect(jobs).toHaveLength(1);
  expect(copy).toMatchObject({
    CreatedByBackupJobId: jobs[0]!.BackupJobId,
    DestinationRecoveryPointLifecycle: { DeleteAfterDays: 30 },
  });
  const { body } = await cloud.admin('GET', '/events?kind=service');
  expect(JSON.stringify(body)).toMatch(/the clock jumped over 9 occurrences, which did not run/);
  const { LastExecutionDate } = await home.backup.getBackupPlan({ BackupPlanId: id });
  expect(LastExecutionDate).toBeInstanceOf(Date);
  await remove(id);
});

test('a type that is not opted in is skipped without a word, unless the resource is named', async () => {
  await home.backup.updateRegionSettings({ ResourceTypeOptInPreference: { S3: false } });
  const skipped = await newPlan('skipped');
  await select(skipped, { Resources: ['*'] });
  const forced = await newPlan('forced');
  await select(forced, { Resources: [buckets['bare']!] });
  await cloud.advance({ days: 1 });
  await eventually('the named one ran', async () => ((await jobsOf(forced)).length === 1 ? true : undefined));
  expect(await jobsOf(skipped)).toEqual([]);
  await home.backup.updateRegionSettings({ ResourceTypeOptInPreference: { S3: true } });
  await remove(skipped);
  await remove(forced);
});

test.each([
  ['cron(0 5 ? * * *)', 'Etc/UTC', '2026-03-01T05:00:00Z', '2026-03-02T05:00:00.000Z'],
  ['cron(15 10 ? * 6L *)', 'Etc/UTC', '2026-03-01T00:00:00Z', '2026-03-27T10:15:00.000Z'],
  ['cron(0 8 1 * ? *)', 'Etc/UTC', '2026-03-01T09:00:00Z', '2026-04-01T08:00:00.000Z'],
  ['cron(0/15 * ? * MON-FRI *)', 'Etc/UTC', '2026-03-06T23:50:00Z', '2026-03-09T00:00:00.000Z'],
  ['cron(0 12 L * ? *)', 'Etc/UTC', '2028-02-01T00:00:00Z', '2028-02-29T12:00:00.000Z'],
  ['cron(0 0 ? * 2#1 *)', 'Etc/UTC', '2026-03-03T00:00:00Z', '2026-04-06T00:00:00.000Z'],
  ['cron(30 2 * * ? *)', 'Europe/Berlin', '2026-07-01T12:00:00Z', '2026-07-02T00:30:00.000Z'],
  ['cron(30 2 * * ? *)', 'Europe/Berlin', '2026-12-01T12:00:00Z', '2026-12-02T01:30:00.000Z'],
])('%s in %s is next due after %s at %s', (expression, zone, after, next) => {
  expect(parseSchedule(expression, zone).next(new Date(after))?.toISOString()).toBe(next);
});

test('a rate counts from the plan, and an expression that never comes is never due', () => {
  const since = new Date('2026-03-01T00:00:00Z');
  const hourly = parseSchedule('rate(12 hours)', 'Etc/UTC', since);
  expect(hourly.next(since)?.toISOString()).toBe('2026-03-01T12:00:00.000Z');
  expect(hourly.next(new Date('2026-03-05T13:00:00Z'))?.toISOString()).toBe('2026-03-06T00:00:00.000Z');
  expect(parseSchedule('cron(0 5 1 1 ? 2020)').next(since)).toBeUndefined();
});
