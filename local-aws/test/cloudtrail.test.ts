import * as CloudTrail from '@aws-sdk/client-cloudtrail';
import * as IAM from '@aws-sdk/client-iam';
import { CreateKeyCommand, ListKeysCommand } from '@aws-sdk/client-kms';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTrail, type TrailEntry } from '../src/cloudtrail/trail.ts';
import { openJournal } from '../src/journal/journal.ts';
import { eventually } from './support/eventually.ts';
import { Laboratory, policy, PRODUCTION, VAULT } from './support/local-aws.ts';

let lab: Laboratory;
beforeAll(async () => (lab = await Laboratory.start()));
afterAll(() => lab.close());

const trail = (account = PRODUCTION, region?: string) =>
  new CloudTrail.CloudTrailClient(lab.config(lab.admin(account), region));
const lookUp = (input: CloudTrail.LookupEventsCommandInput = {}, account?: string, region?: string) =>
  trail(account, region).send(new CloudTrail.LookupEventsCommand(input));
const recordOf = ({ CloudTrailEvent }: CloudTrail.Event) =>
  JSON.parse(CloudTrailEvent!) as Record<string, unknown>;
const named = (AttributeValue: string) => ({
  LookupAttributes: [{ AttributeKey: 'EventName' as const, AttributeValue }],
});

test('who was refused what can be read, newest first', async () => {
  const trust = { Effect: 'Allow', Principal: { AWS: PRODUCTION }, Action: 'sts:AssumeRole' };
  const { Role } = await lab
    .iam()
    .send(new IAM.CreateRoleCommand({ RoleName: 'curious', AssumeRolePolicyDocument: policy(trust) }));
  const session = await lab.assume(Role!.Arn!);
  await lab.kms().send(new ListKeysCommand({}));
  await expect(lab.kms(session).send(new ListKeysCommand({}))).rejects.toThrow();
  const { Events } = await lookUp(named('ListKeys'));
  expect(Events).toHaveLength(2);
  const [denied, allowed] = Events!.map(recordOf);
  expect(denied).toMatchObject({
    eventSource: 'kms.amazonaws.com',
    errorCode: 'AccessDeniedException',
    readOnly: true,
    userIdentity: {
      type: 'AssumedRole',
      sessionContext: { sessionIssuer: { arn: Role!.Arn } },
    },
  });
  expect(allowed).not.toHaveProperty('errorCode');
  expect(allowed).toMatchObject({ userIdentity: { type: 'IAMUser', userName: 'administrator' } });
  expect(Events![0]).toMatchObject({ Username: 'test', ReadOnly: 'true', AccessKeyId: session.accessKeyId });
});

test('parameters are shown and secrets are not, neither in answers nor on disk', async () => {
  const SecretString = 'never-to-be-seen';
  await lab.secrets().send(new CreateSecretCommand({ Name: 'masked', SecretString, Description: 'shown' }));
  const { Events } = await lookUp(named('CreateSecret'));
  expect(recordOf(Events![0]!)).toMatchObject({
    requestParameters: {
      name: 'masked',
      description: 'shown',
      secretString: 'HIDDEN_DUE_TO_SECURITY_REASONS',
    },
  });
  // No answer waits for the history to be on disk.
  const written = await eventually('the history is on disk', () => {
    const text = textOf(join(lab.stateDir, 'cloudtrail/history.journal'));
    return text.includes('masked') ? text : undefined;
  });
  expect(written).not.toContain(SecretString);
});

test('objects written are data events and are not in the history; buckets are', async () => {
  const Bucket = 'trail-bucket-1';
  await lab
    .s3()
    .send(
      new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' } }),
    );
  await lab.s3().send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
  expect((await lookUp(named('PutObject'))).Events).toEqual([]);
  const byResource = { AttributeKey: 'ResourceName' as const, AttributeValue: Bucket };
  const { Events } = await lookUp({ LookupAttributes: [byResource] });
  expect(Events?.map(({ EventName }) => EventName)).toEqual(['CreateBucket']);
});

test('pages name every event once, although new ones come in front', async () => {
  for (let count = 0; count < 5; count += 1) await lab.kms().send(new CreateKeyCommand({}));
  const first = await lookUp({ ...named('CreateKey'), MaxResults: 2 });
  await lab.kms().send(new CreateKeyCommand({}));
  const rest = await lookUp({ ...named('CreateKey'), NextToken: first.NextToken });
  const ids = [...first.Events!, ...rest.Events!].map(({ EventId }) => EventId);
  expect(new Set(ids).size).toBe(5);
  expect(ids).toHaveLength(5);
  await expect(lookUp({ MaxResults: 51 })).rejects.toThrow(CloudTrail.InvalidMaxResultsException);
  await expect(lookUp({ NextToken: 'x' })).rejects.toThrow(CloudTrail.InvalidNextTokenException);
});

test('accounts and regions have histories of their own, which end after 90 days and outlive a restart', async () => {
  expect((await lookUp(named('CreateKey'), VAULT)).Events).toEqual([]);
  expect((await lookUp(named('CreateKey'), PRODUCTION, 'us-east-1')).Events).toEqual([]);
  lab = await lab.restart();
  expect((await lookUp(named('CreateKey'))).Events).toHaveLength(6);
  await lab.advanceDays(91);
  expect((await lookUp(named('CreateKey'))).Events).toEqual([]);
});

test('the history is bounded in memory and on disk, and what changed something stays longest', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trail-'));
  try {
    const journal = openJournal<TrailEntry>(join(folder, 'history.journal'), { durable: false });
    const small = createTrail(journal, { now: () => new Date() }, expect, 10);
    const call = (operation: string) => ({
      ...{ accountId: PRODUCTION, region: 'r', principalArn: 'p', requestId: 'q', sourceIp: 'i' },
      ...{ service: 'kms', operation },
    });
    const outcome = { input: undefined, status: 200, error: undefined, userAgent: undefined };
    small.record(call('CreateKey'), outcome);
    for (let count = 0; count < 200; count += 1) {
      const requestId = `request ${count}.`;
      small.record({ ...call('DescribeKey'), requestId }, outcome);
      if (count % 20 === 19)
        await eventually('it is on disk', () => textOf(journal.path).includes(requestId) || undefined);
    }
    const kept = small.list(PRODUCTION, 'r');
    expect(kept.length).toBeLessThanOrEqual(13);
    expect(kept.at(-1)?.operation).toBe('CreateKey');
    await journal.close();
    expect(textOf(journal.path).split('\n').length).toBeLessThan(80);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function textOf(path: string): string {
  return readFileSync(path, 'utf8');
}
