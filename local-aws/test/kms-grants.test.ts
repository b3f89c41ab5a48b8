import * as IAM from '@aws-sdk/client-iam';
import * as KMS from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Laboratory, policy, PRODUCTION, VAULT, type Credentials } from './support/local-aws.ts';

let lab: Laboratory;
let kms: KMS.KMSClient;
beforeAll(async () => {
  lab = await Laboratory.start();
  kms = lab.kms();
});
afterAll(() => lab.close());

const createKey = async (input: KMS.CreateKeyCommandInput = {}) =>
  (await kms.send(new KMS.CreateKeyCommand(input))).KeyMetadata!;
const Plaintext = Buffer.from('data');
const denied = { name: 'AccessDeniedException' };
let counter = 0;

/** A role without any policy of its own. */
async function poorRole(account = PRODUCTION): Promise<{ arn: string; session: Credentials }> {
  const RoleName = `poor-${counter++}`;
  const Principal = { AWS: `arn:aws:iam::${account}:root` };
  const AssumeRolePolicyDocument = policy({ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' });
  const iam = lab.iam(lab.admin(account));
  const { Role } = await iam.send(new IAM.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  return { arn: Role!.Arn!, session: await lab.assume(Role!.Arn!, lab.admin(account)) };
}

test('a grant gives what it says, to whom it says, until it is revoked', async () => {
  const { KeyId } = await createKey();
  const { arn, session } = await poorRole();
  const theirs = lab.kms(session);
  await expect(theirs.send(new KMS.EncryptCommand({ KeyId, Plaintext }))).rejects.toMatchObject(denied);
  const grant = { KeyId, GranteePrincipal: arn, Operations: ['Encrypt' as const], Name: 'drill-1' };
  const { GrantId, GrantToken } = await kms.send(new KMS.CreateGrantCommand(grant));
  const again = await kms.send(new KMS.CreateGrantCommand(grant));
  expect(again.GrantId).toBe(GrantId);
  const { CiphertextBlob } = await theirs.send(
    new KMS.EncryptCommand({ KeyId, Plaintext, GrantTokens: [GrantToken!] }),
  );
  await expect(theirs.send(new KMS.DecryptCommand({ CiphertextBlob }))).rejects.toMatchObject(denied);
  const { Grants } = await kms.send(new KMS.ListGrantsCommand({ KeyId }));
  expect(Grants).toEqual([
    expect.objectContaining({ GrantId, Name: 'drill-1', GranteePrincipal: arn, Operations: ['Encrypt'] }),
  ]);
  await kms.send(new KMS.RevokeGrantCommand({ KeyId, GrantId }));
  await expect(theirs.send(new KMS.EncryptCommand({ KeyId, Plaintext }))).rejects.toMatchObject(denied);
  await expect(kms.send(new KMS.RevokeGrantCommand({ KeyId, GrantId }))).rejects.toThrow(
    KMS.NotFoundException,
  );
  const forged = new KMS.EncryptCommand({ KeyId, Plaintext, GrantTokens: ['forged'] });
  await expect(kms.send(forged)).rejects.toThrow(KMS.InvalidGrantTokenException);
});

test('a grant reaches into another account, and its constraints hold there', async () => {
  const { KeyId, Arn } = await createKey();
  const { arn, session } = await poorRole(VAULT);
  const Constraints = { EncryptionContextSubset: { tenant: 'a' } };
  await kms.send(
    new KMS.CreateGrantCommand({ KeyId, GranteePrincipal: arn, Operations: ['Decrypt'], Constraints }),
  );
  const seal = async (EncryptionContext: Record<string, string>) =>
    (await kms.send(new KMS.EncryptCommand({ KeyId, Plaintext, EncryptionContext }))).CiphertextBlob;
  const open = async (EncryptionContext: Record<string, string>) => {
    const CiphertextBlob = await seal(EncryptionContext);
    return lab.kms(session).send(new KMS.DecryptCommand({ CiphertextBlob, EncryptionContext, KeyId: Arn }));
  };
  expect(Buffer.from((await open({ tenant: 'a', more: 'x' })).Plaintext!).toString()).toBe('data');
  await expect(open({ tenant: 'b' })).rejects.toMatchObject(denied);
});

test('a retiring principal gives its grant back with the token, nobody else does', async () => {
  const { KeyId } = await createKey();
  const grantee = await poorRole();
  const retiring = await poorRole();
  const { GrantToken, GrantId } = await kms.send(
    new KMS.CreateGrantCommand({
      KeyId,
      GranteePrincipal: grantee.arn,
      RetiringPrincipal: retiring.arn,
      Operations: ['DescribeKey'],
    }),
  );
  const retire = (credentials: Credentials) =>
    lab.kms(credentials).send(new KMS.RetireGrantCommand({ GrantToken }));
  await expect(retire(grantee.session)).rejects.toMatchObject(denied);
  const { Grants } = await kms.send(new KMS.ListRetirableGrantsCommand({ RetiringPrincipal: retiring.arn }));
  expect(Grants?.map((each) => each.GrantId)).toEqual([GrantId]);
  await retire(retiring.session);
  expect((await kms.send(new KMS.ListGrantsCommand({ KeyId }))).Grants).toEqual([]);
});

test('grants outlive a restart and end with their key', async () => {
  const { KeyId } = await createKey();
  const { arn, session } = await poorRole();
  await kms.send(new KMS.CreateGrantCommand({ KeyId, GranteePrincipal: arn, Operations: ['DescribeKey'] }));
  lab = await lab.restart();
  kms = lab.kms();
  const describe = () => lab.kms(session).send(new KMS.DescribeKeyCommand({ KeyId }));
  await describe();
  await kms.send(new KMS.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
  await lab.advanceDays(7.1);
  await expect(describe()).rejects.toThrow(KMS.NotFoundException);
});

test('the key policy decides on the encryption context and on where the call comes from', async () => {
  const root = { AWS: `arn:aws:iam::${PRODUCTION}:root` };
  const administer = {
    Effect: 'Allow',
    Principal: root,
    Action: ['kms:PutKeyPolicy', 'kms:DescribeKey'],
    Resource: '*',
  };
  const Policy = policy(
    administer,
    {
      Effect: 'Allow',
      Principal: root,
      Action: 'kms:Encrypt',
      Resource: '*',
      Condition: { StringEquals: { 'kms:EncryptionContext:purpose': 'evidence' } },
    },
    {
      Effect: 'Allow',
      Principal: root,
      Action: 'kms:Decrypt',
      Resource: '*',
      Condition: { StringEquals: { 'kms:ViaService': 's3.eu-central-1.amazonaws.com' } },
    },
  );
  const { KeyId } = await createKey({ Policy });
  const EncryptionContext = { purpose: 'evidence' };
  const { CiphertextBlob } = await kms.send(new KMS.EncryptCommand({ KeyId, Plaintext, EncryptionContext }));
  await expect(kms.send(new KMS.EncryptCommand({ KeyId, Plaintext }))).rejects.toMatchObject(denied);
  await expect(kms.send(new KMS.DecryptCommand({ CiphertextBlob, EncryptionContext }))).rejects.toMatchObject(
    denied,
  );
  const locked = policy({ Effect: 'Allow', Principal: root, Action: 'kms:Encrypt', Resource: '*' });
  await expect(kms.send(new KMS.PutKeyPolicyCommand({ KeyId, Policy: locked }))).rejects.toThrow(
    KMS.MalformedPolicyDocumentException,
  );
});
