import { CreateKeyCommand, ListKeysCommand } from '@aws-sdk/client-kms';
import * as IAM from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Laboratory, policy, PRODUCTION, VAULT, type Credentials } from './support/local-aws.ts';

let lab: Laboratory;
let iam: IAM.IAMClient;
beforeAll(async () => {
  lab = await Laboratory.start();
  iam = lab.iam();
});
afterAll(() => lab.close());

const keysOnly = policy({ Effect: 'Allow', Action: 'kms:*', Resource: '*' });
const denied = { name: 'AccessDeniedException' };
const listKeys = (credentials: Credentials) => lab.kms(credentials).send(new ListKeysCommand({}));

async function user(UserName: string, extra: Partial<IAM.CreateUserCommandInput> = {}): Promise<Credentials> {
  await iam.send(new IAM.CreateUserCommand({ UserName, ...extra }));
  const { AccessKey } = await iam.send(new IAM.CreateAccessKeyCommand({ UserName }));
  return { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
}

async function managed(PolicyName: string, PolicyDocument: string): Promise<string> {
  return (await iam.send(new IAM.CreatePolicyCommand({ PolicyName, PolicyDocument }))).Policy!.Arn!;
}

test('a user may do nothing, then what its group, its managed and its inline policies allow', async () => {
  const anna = await user('anna', { Path: '/sre/' });
  expect((await lab.sts(anna).send(new GetCallerIdentityCommand({}))).Arn).toBe(
    `arn:aws:iam::${PRODUCTION}:user/sre/anna`,
  );
  await expect(listKeys(anna)).rejects.toMatchObject(denied);

  await iam.send(new IAM.CreateGroupCommand({ GroupName: 'sre' }));
  await iam.send(
    new IAM.PutGroupPolicyCommand({ GroupName: 'sre', PolicyName: 'keys', PolicyDocument: keysOnly }),
  );
  await iam.send(new IAM.AddUserToGroupCommand({ GroupName: 'sre', UserName: 'anna' }));
  await listKeys(anna);
  await expect(iam.send(new IAM.DeleteGroupCommand({ GroupName: 'sre' }))).rejects.toThrow(
    IAM.DeleteConflictException,
  );
  await iam.send(new IAM.RemoveUserFromGroupCommand({ GroupName: 'sre', UserName: 'anna' }));
  await expect(listKeys(anna)).rejects.toMatchObject(denied);

  const PolicyArn = await managed('keys', keysOnly);
  await iam.send(new IAM.AttachUserPolicyCommand({ UserName: 'anna', PolicyArn }));
  await listKeys(anna);
  const { AttachedPolicies } = await iam.send(new IAM.ListAttachedUserPoliciesCommand({ UserName: 'anna' }));
  expect(AttachedPolicies).toEqual([{ PolicyName: 'keys', PolicyArn }]);
  await expect(iam.send(new IAM.DeletePolicyCommand({ PolicyArn }))).rejects.toThrow(
    IAM.DeleteConflictException,
  );
  await iam.send(new IAM.DetachUserPolicyCommand({ UserName: 'anna', PolicyArn }));
  await iam.send(new IAM.DeletePolicyCommand({ PolicyArn }));
  await expect(listKeys(anna)).rejects.toMatchObject(denied);
});

test('a key that is switched off or deleted is an unknown key', async () => {
  const ben = await user('ben');
  const whoAmI = () => lab.sts(ben).send(new GetCallerIdentityCommand({}));
  const AccessKeyId = ben.accessKeyId;
  await whoAmI();
  await iam.send(new IAM.UpdateAccessKeyCommand({ UserName: 'ben', AccessKeyId, Status: 'Inactive' }));
  await expect(whoAmI()).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
  await expect(listKeys(ben)).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
  await iam.send(new IAM.UpdateAccessKeyCommand({ UserName: 'ben', AccessKeyId, Status: 'Active' }));
  await whoAmI();
  await iam.send(new IAM.CreateAccessKeyCommand({ UserName: 'ben' }));
  await expect(iam.send(new IAM.CreateAccessKeyCommand({ UserName: 'ben' }))).rejects.toThrow(
    IAM.LimitExceededException,
  );
  await expect(iam.send(new IAM.DeleteUserCommand({ UserName: 'ben' }))).rejects.toThrow(
    IAM.DeleteConflictException,
  );
  const { AccessKeyMetadata } = await iam.send(new IAM.ListAccessKeysCommand({ UserName: 'ben' }));
  expect(AccessKeyMetadata).toHaveLength(2);
  for (const key of AccessKeyMetadata!)
    await iam.send(new IAM.DeleteAccessKeyCommand({ UserName: 'ben', AccessKeyId: key.AccessKeyId }));
  await expect(whoAmI()).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
  await iam.send(new IAM.DeleteUserCommand({ UserName: 'ben' }));
  await expect(iam.send(new IAM.GetUserCommand({ UserName: 'ben' }))).rejects.toThrow(
    IAM.NoSuchEntityException,
  );
});

test('users and their keys outlive a restart', async () => {
  const cara = await user('cara');
  await iam.send(
    new IAM.PutUserPolicyCommand({ UserName: 'cara', PolicyName: 'keys', PolicyDocument: keysOnly }),
  );
  lab = await lab.restart();
  iam = lab.iam();
  await listKeys(cara);
});

test('a permissions boundary bounds, and the policy version in force counts', async () => {
  const narrow = policy({ Effect: 'Allow', Action: 'kms:ListKeys', Resource: '*' });
  const boundary = await managed('boundary', narrow);
  const dora = await user('dora', { PermissionsBoundary: boundary });
  await iam.send(
    new IAM.PutUserPolicyCommand({ UserName: 'dora', PolicyName: 'keys', PolicyDocument: keysOnly }),
  );
  await listKeys(dora);
  await expect(lab.kms(dora).send(new CreateKeyCommand({}))).rejects.toMatchObject({
    message: expect.stringContaining('no permissions boundary allows the kms:CreateKey action'),
  });
  const version = { PolicyArn: boundary, PolicyDocument: keysOnly };
  await iam.send(new IAM.CreatePolicyVersionCommand(version));
  await expect(lab.kms(dora).send(new CreateKeyCommand({}))).rejects.toMatchObject(denied);
  await iam.send(new IAM.SetDefaultPolicyVersionCommand({ PolicyArn: boundary, VersionId: 'v2' }));
  await lab.kms(dora).send(new CreateKeyCommand({}));
  for (let count = 3; count <= 5; count += 1) await iam.send(new IAM.CreatePolicyVersionCommand(version));
  await expect(iam.send(new IAM.CreatePolicyVersionCommand(version))).rejects.toThrow(
    IAM.LimitExceededException,
  );
  await expect(
    iam.send(new IAM.DeletePolicyVersionCommand({ PolicyArn: boundary, VersionId: 'v2' })),
  ).rejects.toThrow(IAM.DeleteConflictException);
  const { PolicyVersion } = await iam.send(
    new IAM.GetPolicyVersionCommand({ PolicyArn: boundary, VersionId: 'v1' }),
  );
  expect(decodeURIComponent(PolicyVersion!.Document!)).toBe(narrow);
});

test('roles of AWS Backup are made with the policies that AWS keeps for them', async () => {
  const RoleName = 'backup-service';
  const trust = { Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' };
  await iam.send(new IAM.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: policy(trust) }));
  const PolicyArn = 'arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup';
  await iam.send(new IAM.AttachRolePolicyCommand({ RoleName, PolicyArn }));
  const { AttachedPolicies } = await iam.send(new IAM.ListAttachedRolePoliciesCommand({ RoleName }));
  expect(AttachedPolicies?.map((each) => each.PolicyArn)).toEqual([PolicyArn]);
  await expect(
    iam.send(new IAM.AttachRolePolicyCommand({ RoleName, PolicyArn: 'arn:aws:iam::aws:policy/Nothing' })),
  ).rejects.toThrow(IAM.NoSuchEntityException);
  await expect(iam.send(new IAM.DeleteRoleCommand({ RoleName }))).rejects.toThrow(
    IAM.DeleteConflictException,
  );

  const linked = { AWSServiceName: 'backup.amazonaws.com' };
  const { Role } = await iam.send(new IAM.CreateServiceLinkedRoleCommand(linked));
  expect(Role).toMatchObject({
    RoleName: 'AWSServiceRoleForBackup',
    Arn: `arn:aws:iam::${PRODUCTION}:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup`,
  });
  await expect(iam.send(new IAM.CreateServiceLinkedRoleCommand(linked))).rejects.toThrow(
    IAM.InvalidInputException,
  );
  await expect(iam.send(new IAM.DeleteRoleCommand({ RoleName: 'AWSServiceRoleForBackup' }))).rejects.toThrow(
    IAM.UnmodifiableEntityException,
  );
});

test('listings come in pages that name every user once', async () => {
  for (const name of ['p1', 'p2', 'p3'])
    await iam.send(new IAM.CreateUserCommand({ UserName: name, Path: '/p/' }));
  const seen: string[] = [];
  for await (const page of IAM.paginateListUsers({ client: iam, pageSize: 2 }, { PathPrefix: '/p/' })) {
    expect(page.Users!.length).toBeLessThanOrEqual(2);
    seen.push(...page.Users!.map(({ UserName }) => UserName!));
  }
  expect(seen).toEqual(['p1', 'p2', 'p3']);
  const admin = await iam.send(new IAM.GetUserCommand({}));
  expect(admin.User?.UserName).toBe('administrator');
});

test('the simulator says what a role could do, without doing it', async () => {
  const RoleName = 'simulated';
  const trust = { Effect: 'Allow', Principal: { AWS: PRODUCTION }, Action: 'sts:AssumeRole' };
  const { Role } = await iam.send(
    new IAM.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: policy(trust) }),
  );
  const statements = [
    { Effect: 'Allow', Action: 'rds:*', Resource: '*' },
    { Effect: 'Deny', Action: 'rds:DeleteDBInstance', Resource: '*' },
    {
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: '*',
      Condition: { StringEquals: { 'kms:ViaService': 'rds.eu-central-1.amazonaws.com' } },
    },
  ];
  await iam.send(
    new IAM.PutRolePolicyCommand({ RoleName, PolicyName: 'p', PolicyDocument: policy(...statements) }),
  );
  const ActionNames = ['rds:DescribeDBInstances', 'rds:DeleteDBInstance', 's3:GetObject', 'kms:Decrypt'];
  const ask = async (ContextEntries: IAM.ContextEntry[] = []) =>
    (
      await iam.send(
        new IAM.SimulatePrincipalPolicyCommand({ PolicySourceArn: Role!.Arn, ActionNames, ContextEntries }),
      )
    ).EvaluationResults!.map(({ EvalDecision }) => EvalDecision);
  expect(await ask()).toEqual(['allowed', 'explicitDeny', 'implicitDeny', 'implicitDeny']);
  const via = {
    ContextKeyName: 'kms:ViaService',
    ContextKeyType: 'string' as const,
    ContextKeyValues: ['rds.eu-central-1.amazonaws.com'],
  };
  expect((await ask([via]))[3]).toBe('allowed');
});

test('users of one account are unknown in the other', async () => {
  await iam.send(new IAM.CreateUserCommand({ UserName: 'emil' }));
  await expect(lab.iam(lab.admin(VAULT)).send(new IAM.GetUserCommand({ UserName: 'emil' }))).rejects.toThrow(
    IAM.NoSuchEntityException,
  );
});
