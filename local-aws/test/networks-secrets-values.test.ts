import * as SM from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Laboratory, policy, PRODUCTION, VAULT } from './support/local-aws.ts';

let lab: Laboratory;
let secrets: SM.SecretsManagerClient;
beforeAll(async () => {
  lab = await Laboratory.start();
  secrets = lab.secrets();
});
afterAll(() => lab.close());

const create = async (Name: string, extra: Partial<SM.CreateSecretCommandInput> = {}) =>
  (await secrets.send(new SM.CreateSecretCommand({ Name, SecretString: 'one', ...extra }))).ARN!;
const value = async (SecretId: string, client = secrets) =>
  (await client.send(new SM.GetSecretValueCommand({ SecretId }))).SecretString;

test('a repeated request with the same token changes nothing, one with another value is refused', async () => {
  const SecretId = await create('repeated');
  const ClientRequestToken = '11111111-2222-3333-4444-555555555555';
  const put = (SecretString: string) =>
    secrets.send(new SM.PutSecretValueCommand({ SecretId, SecretString, ClientRequestToken }));
  await put('two');
  await put('two');
  await expect(put('three')).rejects.toThrow(SM.ResourceExistsException);
  const { Versions } = await secrets.send(new SM.ListSecretVersionIdsCommand({ SecretId }));
  expect(Versions?.map(({ VersionStages }) => VersionStages)).toEqual([['AWSCURRENT'], ['AWSPREVIOUS']]);
  await secrets.send(new SM.UpdateSecretCommand({ SecretId, SecretString: 'four', Description: 'd' }));
  expect(await value(SecretId)).toBe('four');
});

test("another account reads only with the secret's own policy, and a public one is refused", async () => {
  const SecretId = await create('shared');
  const theirs = lab.secrets(lab.admin(VAULT));
  await expect(value(SecretId, theirs)).rejects.toMatchObject({ name: 'AccessDeniedException' });
  const allow = (AWS: string) =>
    policy({ Effect: 'Allow', Principal: { AWS }, Action: 'secretsmanager:GetSecretValue', Resource: '*' });
  const asked = (ResourcePolicy: string, BlockPublicPolicy?: boolean) =>
    secrets.send(new SM.PutResourcePolicyCommand({ SecretId, ResourcePolicy, BlockPublicPolicy }));
  await expect(asked(allow('*'), true)).rejects.toThrow(SM.PublicPolicyException);
  await asked(allow(VAULT));
  // The default key is AWS's own, which no other account may use.
  await expect(value(SecretId, theirs)).rejects.toThrow(SM.DecryptionFailure);
  const deny = {
    Effect: 'Deny',
    Principal: { AWS: PRODUCTION },
    Action: 'secretsmanager:GetSecretValue',
    Resource: '*',
  };
  await asked(policy(deny));
  await expect(value(SecretId)).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await secrets.send(new SM.DeleteResourcePolicyCommand({ SecretId }));
  expect(await value(SecretId)).toBe('one');
});

test('secrets are found by name, tag and description, in pages', async () => {
  for (const count of [1, 2, 3])
    await create(`drill/${count}`, {
      Description: 'Drill password',
      Tags: [{ Key: 'drill', Value: String(count) }],
    });
  const seen: string[] = [];
  const Filters = [{ Key: 'name' as const, Values: ['drill/'] }];
  for await (const page of SM.paginateListSecrets({ client: secrets, pageSize: 2 }, { Filters }))
    seen.push(...page.SecretList!.map(({ Name }) => Name!));
  expect(seen).toEqual(['drill/1', 'drill/2', 'drill/3']);
  const byTag = [{ Key: 'tag-value' as const, Values: ['2'] }];
  const { SecretList } = await secrets.send(new SM.ListSecretsCommand({ Filters: byTag }));
  expect(SecretList?.map(({ Name }) => Name)).toEqual(['drill/2']);
});

test('random passwords have what was asked for', async () => {
  const asked = { PasswordLength: 20, ExcludePunctuation: true, ExcludeCharacters: 'abc' };
  const { RandomPassword } = await secrets.send(new SM.GetRandomPasswordCommand(asked));
  expect(RandomPassword).toMatch(/^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[d-zA-Z0-9]{20}$/);
  await expect(secrets.send(new SM.GetRandomPasswordCommand({ PasswordLength: 2 }))).rejects.toThrow(
    SM.InvalidParameterException,
  );
});
