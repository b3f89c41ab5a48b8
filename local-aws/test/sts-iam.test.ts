import { CreateKeyCommand, DescribeKeyCommand, ListKeysCommand } from '@aws-sdk/client-kms';
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  GetRolePolicyCommand,
  MalformedPolicyDocumentException,
  NoSuchEntityException,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Laboratory, policy, PRODUCTION, VAULT, type Credentials } from './support/local-aws.ts';

let lab: Laboratory;
beforeAll(async () => (lab = await Laboratory.start()));
afterAll(() => lab.close());

const root = (account: string) => ({ AWS: `arn:aws:iam::${account}:root` });
let counter = 0;

async function role(options: {
  account?: string;
  trust?: object[];
  permissions?: object[];
  maxSeconds?: number;
}): Promise<{ arn: string; name: string }> {
  const { account = PRODUCTION, permissions = [], maxSeconds } = options;
  const name = `role-${counter++}`;
  const trust = options.trust ?? [{ Effect: 'Allow', Principal: root(account), Action: 'sts:AssumeRole' }];
  const iam = lab.iam(lab.admin(account));
  await iam.send(
    new CreateRoleCommand({
      RoleName: name,
      AssumeRolePolicyDocument: policy(...trust),
      MaxSessionDuration: maxSeconds,
    }),
  );
  if (permissions.length > 0)
    await iam.send(
      new PutRolePolicyCommand({ RoleName: name, PolicyName: 'own', PolicyDocument: policy(...permissions) }),
    );
  return { arn: `arn:aws:iam::${account}:role/${name}`, name };
}

const whoAmI = async (credentials: Credentials) =>
  (await lab.sts(credentials).send(new GetCallerIdentityCommand({}))).Arn;

test('a role without a policy may do nothing but say who it is', async () => {
  const { arn, name } = await role({});
  const session = await lab.assume(arn);
  expect(await whoAmI(session)).toBe(`arn:aws:sts::${PRODUCTION}:assumed-role/${name}/test`);
  await expect(lab.kms(session).send(new ListKeysCommand({}))).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
});

test('an explicit deny wins over an allow', async () => {
  const { arn } = await role({
    permissions: [
      { Effect: 'Allow', Action: 'kms:*', Resource: '*' },
      { Effect: 'Deny', Action: 'kms:ListKeys', Resource: '*' },
    ],
  });
  const session = await lab.assume(arn);
  await lab.kms(session).send(new CreateKeyCommand({}));
  await expect(lab.kms(session).send(new ListKeysCommand({}))).rejects.toMatchObject({
    name: 'AccessDeniedException',
    message: expect.stringContaining('explicit deny'),
  });
});

test('a session policy can only take away', async () => {
  const { arn } = await role({ permissions: [{ Effect: 'Allow', Action: 'kms:ListKeys', Resource: '*' }] });
  const narrow = await lab.assume(arn, lab.admin(), {
    Policy: policy({ Effect: 'Allow', Action: 'kms:CreateKey', Resource: '*' }),
  });
  await expect(lab.kms(narrow).send(new ListKeysCommand({}))).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
  await expect(lab.kms(narrow).send(new CreateKeyCommand({}))).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
});

test('the external id is asked for across accounts', async () => {
  const trust = [
    {
      Effect: 'Allow',
      Principal: root(PRODUCTION),
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'sts:ExternalId': 'right' } },
    },
  ];
  const { arn } = await role({ account: VAULT, trust });
  await expect(lab.assume(arn)).rejects.toMatchObject({ name: 'AccessDenied' });
  await expect(lab.assume(arn, lab.admin(), { ExternalId: 'wrong' })).rejects.toMatchObject({
    name: 'AccessDenied',
  });
  const session = await lab.assume(arn, lab.admin(), { ExternalId: 'right' });
  expect(await whoAmI(session)).toContain(`::${VAULT}:assumed-role/`);
});

test('a role may assume another only if both sides allow it, and for an hour at most', async () => {
  const target = await role({
    account: VAULT,
    trust: [{ Effect: 'Allow', Principal: root(PRODUCTION), Action: 'sts:AssumeRole' }],
    maxSeconds: 7200,
  });
  const silent = await role({});
  await expect(lab.assume(target.arn, await lab.assume(silent.arn))).rejects.toMatchObject({
    name: 'AccessDenied',
  });
  const entitled = await role({
    permissions: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: target.arn }],
  });
  const session = await lab.assume(entitled.arn);
  await lab.assume(target.arn, session, { DurationSeconds: 3600 });
  await expect(lab.assume(target.arn, session, { DurationSeconds: 7200 })).rejects.toMatchObject({
    name: 'ValidationError',
  });
  await lab.assume(target.arn, lab.admin(), { DurationSeconds: 7200 });
});

test('a role that does not exist is refused like one that is forbidden', async () => {
  await expect(lab.assume(`arn:aws:iam::${VAULT}:role/nobody`)).rejects.toMatchObject({
    name: 'AccessDenied',
  });
});

test('session names and durations are checked', async () => {
  const { arn } = await role({});
  const ask = (RoleSessionName: string, DurationSeconds?: number) =>
    lab.sts().send(new AssumeRoleCommand({ RoleArn: arn, RoleSessionName, DurationSeconds }));
  await expect(ask('a b')).rejects.toMatchObject({ name: 'ValidationError' });
  await expect(ask('fine', 60)).rejects.toMatchObject({ name: 'ValidationError' });
  await expect(ask('fine', 7200)).rejects.toMatchObject({ name: 'ValidationError' });
});

test('a forged or missing session token is refused', async () => {
  const { arn } = await role({});
  const { sessionToken, ...bare } = await lab.assume(arn);
  await expect(whoAmI(bare)).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
  await expect(whoAmI({ ...bare, sessionToken: `${sessionToken!}x` })).rejects.toMatchObject({
    name: 'InvalidClientTokenId',
  });
});

test('credentials end with their role', async () => {
  const { arn, name } = await role({
    permissions: [{ Effect: 'Allow', Action: 'kms:ListKeys', Resource: '*' }],
  });
  const session = await lab.assume(arn);
  await lab.kms(session).send(new ListKeysCommand({}));
  await expect(lab.iam().send(new DeleteRoleCommand({ RoleName: name }))).rejects.toMatchObject({
    name: 'DeleteConflictException',
  });
  const { DeleteRolePolicyCommand } = await import('@aws-sdk/client-iam');
  await lab.iam().send(new DeleteRolePolicyCommand({ RoleName: name, PolicyName: 'own' }));
  await lab.iam().send(new DeleteRoleCommand({ RoleName: name }));
  await expect(lab.kms(session).send(new ListKeysCommand({}))).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
});

test('a key of another account needs its key policy and the own policy', async () => {
  const vaultKms = lab.kms(lab.admin(VAULT));
  const delegated = [
    { Effect: 'Allow', Principal: root(VAULT), Action: 'kms:*', Resource: '*' },
    { Effect: 'Allow', Principal: root(PRODUCTION), Action: 'kms:DescribeKey', Resource: '*' },
  ];
  const shared = (await vaultKms.send(new CreateKeyCommand({ Policy: policy(...delegated) }))).KeyMetadata!
    .Arn!;
  const closed = (await vaultKms.send(new CreateKeyCommand({}))).KeyMetadata!.Arn!;
  const entitled = await lab.assume(
    (await role({ permissions: [{ Effect: 'Allow', Action: 'kms:DescribeKey', Resource: '*' }] })).arn,
  );
  const silent = await lab.assume((await role({})).arn);
  const describe = (credentials: Credentials, KeyId: string) =>
    lab.kms(credentials).send(new DescribeKeyCommand({ KeyId }));
  expect((await describe(entitled, shared)).KeyMetadata?.Arn).toBe(shared);
  await expect(describe(entitled, closed)).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await expect(describe(silent, shared)).rejects.toMatchObject({ name: 'AccessDeniedException' });
});

test('policies that the evaluator does not understand are refused when they are written', async () => {
  const { name } = await role({});
  const put = (document: string) =>
    lab.iam().send(new PutRolePolicyCommand({ RoleName: name, PolicyName: 'p', PolicyDocument: document }));
  await expect(put('{')).rejects.toThrow(MalformedPolicyDocumentException);
  const odd = policy({
    Effect: 'Allow',
    Action: '*',
    Resource: '*',
    Condition: { StringResembles: { 'aws:x': 'y' } },
  });
  await expect(put(odd)).rejects.toThrow(/StringResembles/);
  await expect(lab.iam().send(new GetRolePolicyCommand({ RoleName: name, PolicyName: 'p' }))).rejects.toThrow(
    NoSuchEntityException,
  );
});

test('who was allowed and who was denied can be read afterwards', async () => {
  const { arn } = await role({});
  const session = await lab.assume(arn);
  await expect(lab.kms(session).send(new ListKeysCommand({}))).rejects.toThrow();
  const { events } = (await lab.ask('GET', '/events?kind=denied&limit=1')) as { events: object[] };
  expect(events).toEqual([
    expect.objectContaining({
      kind: 'denied',
      action: 'kms:ListKeys',
      accountId: PRODUCTION,
      principalArn: expect.stringContaining('assumed-role'),
    }),
  ]);
});
