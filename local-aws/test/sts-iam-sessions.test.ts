import { CreateKeyCommand, ListKeysCommand } from '@aws-sdk/client-kms';
import * as IAM from '@aws-sdk/client-iam';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { ListSecretsCommand } from '@aws-sdk/client-secrets-manager';
import * as STS from '@aws-sdk/client-sts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Laboratory, policy, PRODUCTION, VAULT, type Credentials } from './support/local-aws.ts';

let lab: Laboratory;
beforeAll(async () => (lab = await Laboratory.start()));
afterAll(() => lab.close());

const root = (account: string) => ({ AWS: `arn:aws:iam::${account}:root` });
const all = { Effect: 'Allow', Action: '*', Resource: '*' };
let counter = 0;

async function role(options: {
  trust?: object[];
  permissions?: object[];
  tags?: IAM.Tag[];
}): Promise<string> {
  const RoleName = `session-${counter++}`;
  const trust = options.trust ?? [
    { Effect: 'Allow', Principal: root(PRODUCTION), Action: ['sts:AssumeRole', 'sts:TagSession'] },
  ];
  const { Role } = await lab
    .iam()
    .send(
      new IAM.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: policy(...trust), Tags: options.tags }),
    );
  const PolicyDocument = policy(...(options.permissions ?? [all]));
  await lab.iam().send(new IAM.PutRolePolicyCommand({ RoleName, PolicyName: 'own', PolicyDocument }));
  return Role!.Arn!;
}

async function assume(
  RoleArn: string,
  extra: Partial<STS.AssumeRoleCommandInput> = {},
  from: Credentials = lab.admin(),
): Promise<Credentials> {
  const asked = { RoleArn, RoleSessionName: 'test', ...extra };
  const { Credentials: got } = await lab.sts(from).send(new STS.AssumeRoleCommand(asked));
  const { AccessKeyId, SecretAccessKey, SessionToken } = got!;
  return { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken! };
}

const listKeys = (credentials: Credentials) => lab.kms(credentials).send(new ListKeysCommand({}));

test('an expired session is refused in the words of each service', async () => {
  const arn = await role({});
  const session = await assume(arn);
  await listKeys(session);
  const other = await assume(await role({}));
  expect(await lab.ask('POST', '/sessions/expire', { role: arn })).toEqual({ expired: 1 });
  await listKeys(other);
  await expect(lab.sts(session).send(new STS.GetCallerIdentityCommand({}))).rejects.toMatchObject({
    name: 'ExpiredToken',
  });
  await expect(lab.s3(session).send(new ListBucketsCommand({}))).rejects.toMatchObject({
    name: 'ExpiredToken',
  });
  await expect(listKeys(session)).rejects.toMatchObject({ name: 'ExpiredTokenException' });
  await expect(lab.secrets(session).send(new ListSecretsCommand({}))).rejects.toMatchObject({
    name: 'ExpiredTokenException',
  });
});

test('sessions can be made short, and then end by themselves', async () => {
  await lab.ask('POST', '/sessions/limit', { seconds: 1 });
  try {
    const session = await assume(await role({}));
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await expect(listKeys(session)).rejects.toMatchObject({ name: 'ExpiredTokenException' });
  } finally {
    await lab.ask('POST', '/sessions/limit', { seconds: 43_200 });
  }
  expect(await lab.ask('POST', '/sessions/limit', { seconds: 0 })).toMatchObject({
    error: expect.stringContaining('1 to 43200'),
  });
});

test('session tags count as tags of the principal, and need a right of their own', async () => {
  const permissions = [
    {
      Effect: 'Allow',
      Action: 'kms:ListKeys',
      Resource: '*',
      Condition: { StringEquals: { 'aws:PrincipalTag/team': 'backup' } },
    },
  ];
  const tagged = await role({ permissions });
  await listKeys(await assume(tagged, { Tags: [{ Key: 'team', Value: 'backup' }] }));
  await expect(
    listKeys(await assume(tagged, { Tags: [{ Key: 'team', Value: 'web' }] })),
  ).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await expect(listKeys(await assume(tagged))).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await listKeys(await assume(await role({ permissions, tags: [{ Key: 'team', Value: 'backup' }] })));

  const untrusting = await role({
    trust: [{ Effect: 'Allow', Principal: root(PRODUCTION), Action: 'sts:AssumeRole' }],
  });
  await expect(assume(untrusting, { Tags: [{ Key: 'team', Value: 'backup' }] })).rejects.toMatchObject({
    name: 'AccessDenied',
    message: expect.stringContaining('sts:TagSession'),
  });
  const twice = [
    { Key: 'team', Value: 'a' },
    { Key: 'TEAM', Value: 'b' },
  ];
  await expect(assume(tagged, { Tags: twice })).rejects.toMatchObject({ name: 'InvalidParameterValue' });
});

test('transitive tags go with the session into the next role, and cannot be changed there', async () => {
  const last = await role({
    permissions: [
      {
        ...all,
        Condition: { StringEquals: { 'aws:PrincipalTag/incident': '42', 'aws:PrincipalTag/other': '' } },
      },
      { ...all, Action: 'kms:ListKeys', Condition: { StringEquals: { 'aws:PrincipalTag/incident': '42' } } },
    ],
  });
  const first = await role({});
  const Tags = [
    { Key: 'incident', Value: '42' },
    { Key: 'other', Value: 'x' },
  ];
  const session = await assume(first, { Tags, TransitiveTagKeys: ['incident'] });
  const chained = await assume(last, {}, session);
  await listKeys(chained);
  await expect(lab.kms(chained).send(new CreateKeyCommand({}))).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
  await expect(assume(last, { Tags: [{ Key: 'Incident', Value: '43' }] }, session)).rejects.toMatchObject({
    name: 'InvalidParameterValue',
  });
});

test('the source identity must be allowed, and policies can ask for it', async () => {
  const trust = [
    { Effect: 'Allow', Principal: root(PRODUCTION), Action: 'sts:AssumeRole' },
    {
      Effect: 'Allow',
      Principal: root(PRODUCTION),
      Action: 'sts:SetSourceIdentity',
      Condition: { StringLike: { 'sts:SourceIdentity': 'sre-*' } },
    },
  ];
  const arn = await role({
    trust,
    permissions: [{ ...all, Condition: { StringEquals: { 'aws:SourceIdentity': 'sre-anna' } } }],
  });
  await listKeys(await assume(arn, { SourceIdentity: 'sre-anna' }));
  await expect(listKeys(await assume(arn))).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await expect(assume(arn, { SourceIdentity: 'intern' })).rejects.toMatchObject({
    name: 'AccessDenied',
    message: expect.stringContaining('sts:SetSourceIdentity'),
  });
});

test('managed session policies take away like inline ones', async () => {
  const { Policy } = await lab.iam().send(
    new IAM.CreatePolicyCommand({
      PolicyName: 'only-list',
      PolicyDocument: policy({ Effect: 'Allow', Action: 'kms:ListKeys', Resource: '*' }),
    }),
  );
  const arn = await role({});
  const narrow = await assume(arn, { PolicyArns: [{ arn: Policy!.Arn }] });
  await listKeys(narrow);
  await expect(lab.kms(narrow).send(new CreateKeyCommand({}))).rejects.toMatchObject({
    message: expect.stringContaining('no session policy allows'),
  });
  const missing = [{ arn: `arn:aws:iam::${PRODUCTION}:policy/nobody` }];
  await expect(assume(arn, { PolicyArns: missing })).rejects.toThrow(STS.MalformedPolicyDocumentException);
});

test("a user's session token works, carries the second-factor key, and begets no other", async () => {
  const { Credentials: got } = await lab.sts().send(new STS.GetSessionTokenCommand({ DurationSeconds: 900 }));
  const session = {
    accessKeyId: got!.AccessKeyId!,
    secretAccessKey: got!.SecretAccessKey!,
    sessionToken: got!.SessionToken!,
  };
  const who = await lab.sts(session).send(new STS.GetCallerIdentityCommand({}));
  expect(who).toMatchObject({ Account: PRODUCTION, Arn: `arn:aws:iam::${PRODUCTION}:user/administrator` });
  await expect(lab.sts(session).send(new STS.GetSessionTokenCommand({}))).rejects.toMatchObject({
    name: 'AccessDenied',
  });
  await expect(lab.sts().send(new STS.GetSessionTokenCommand({ DurationSeconds: 60 }))).rejects.toMatchObject(
    { name: 'ValidationError' },
  );
});

test('a trust policy may demand the organisation, which strangers are not part of', async () => {
  const inside = (id: string) => [
    {
      Effect: 'Allow',
      Principal: { AWS: '*' },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'aws:PrincipalOrgID': id } },
    },
  ];
  const { id } = await lab.ask('GET', '/organization/policies');
  await assume(await role({ trust: inside(String(id)) }), {}, lab.admin(VAULT));
  await expect(assume(await role({ trust: inside('o-other') }))).rejects.toMatchObject({
    name: 'AccessDenied',
  });
});

test('a service control policy denies regions to administrators, too', async () => {
  const statement = {
    Sid: 'OnlyFrankfurt',
    Effect: 'Deny',
    NotAction: ['iam:*', 'sts:*'],
    Resource: '*',
    Condition: { StringNotEquals: { 'aws:RequestedRegion': 'eu-central-1' } },
  };
  const document = { Version: '2012-10-17', Statement: statement };
  await lab.ask('POST', '/organization/policies', {
    name: 'regions',
    policy: document,
    accounts: [PRODUCTION],
  });
  try {
    const away = (account: string) => lab.kms(lab.admin(account), 'us-east-1').send(new ListKeysCommand({}));
    await expect(away(PRODUCTION)).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('explicit deny in a service control policy'),
    });
    await away(VAULT);
    await lab.kms().send(new ListKeysCommand({}));
  } finally {
    await lab.ask('DELETE', '/organization/policies?name=regions');
  }
  await lab.kms(lab.admin(), 'us-east-1').send(new ListKeysCommand({}));
});
