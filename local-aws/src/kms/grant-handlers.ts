import * as KMS from '@aws-sdk/client-kms';
import { randomBytes } from 'node:crypto';
import { callerOf } from '../auth/request-context.ts';
import { accessDenied } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import {
  dryRun,
  GONE,
  notFound,
  paged,
  pendingDeletion,
  requireEnabled,
  validation,
  type KmsContext,
} from './context.ts';
import { isPrincipal } from './grants.ts';
import { stateOf, type GrantRecord, type KeyRecord } from './keys.ts';

/** Grants: rights on one key, given and taken without touching its policy. */
export function grantHandlers(context: KmsContext): Handlers<typeof KMS> {
  const { ring, clock } = context;
  const byToken = (token: string) => [...ring.grants.values()].find((grant) => grant.token === token);
  return {
    async CreateGrant(input, call) {
      const { KeyId, GranteePrincipal = '', RetiringPrincipal, Operations = [], Constraints, Name } = input;
      const { EncryptionContextEquals: equals, EncryptionContextSubset: subset } = Constraints ?? {};
      const constraint = equals ? 'EncryptionContextEquals' : subset ? 'EncryptionContextSubset' : undefined;
      const key = context.keyFor(KeyId, call, 'kms:CreateGrant', {
        grantTokens: input.GrantTokens,
        context: {
          'kms:GrantIsForAWSResource': 'false',
          'kms:GranteePrincipal': GranteePrincipal,
          'kms:GrantOperations': Operations,
          ...(RetiringPrincipal === undefined ? {} : { 'kms:RetiringPrincipal': RetiringPrincipal }),
          ...(constraint === undefined ? {} : { 'kms:GrantConstraintType': constraint }),
        },
      });
      requireEnabled(key);
      checkOperations(key, Operations);
      for (const arn of [GranteePrincipal, ...(RetiringPrincipal === undefined ? [] : [RetiringPrincipal])])
        if (!/^(arn:aws:(iam|sts)::\d{12}:(root|(role|user|assumed-role)\/.+))$/.test(arn))
          throw new KMS.InvalidArnException({
            message: `ARN ${arn} is not a valid principal.`,
            $metadata: {},
          });
      if (equals && subset)
        throw validation('Give either EncryptionContextEquals or EncryptionContextSubset.');
      if (Name !== undefined && !/^[\w:/-]{1,256}$/.test(Name))
        throw validation(`'${Name}' is not a valid grant name.`);
      dryRun(input.DryRun);
      const { accountId, region, keyId } = key;
      const wanted = {
        ...{ accountId, region, keyId, name: Name, grantee: GranteePrincipal, retiring: RetiringPrincipal },
        ...{ operations: [...new Set(Operations)].sort(), equals, subset },
      };
      // A name makes the request repeatable: the same parameters give the same grant, with a token of its own in AWS.
      const known = ring.grantsOn(key).find((grant) => Name !== undefined && sameGrant(grant, wanted));
      if (known) return { GrantId: known.id, GrantToken: known.token };
      const grant: GrantRecord = {
        ...wanted,
        id: randomBytes(32).toString('hex'),
        token: GONE + randomBytes(96).toString('base64url'),
        issuer: callerOf(call).roleArn ?? call.principalArn,
        createdAt: clock.now().toISOString(),
      };
      await ring.grants.put(grant.id, grant);
      return { GrantId: grant.id, GrantToken: grant.token };
    },
    async ListGrants({ KeyId, GrantId, GranteePrincipal, ...paging }, call) {
      const key = context.keyFor(KeyId, call, 'kms:ListGrants');
      const found = ring
        .grantsOn(key)
        .filter(
          ({ id, grantee }) =>
            (GrantId === undefined || id === GrantId) &&
            (GranteePrincipal === undefined || grantee === GranteePrincipal),
        );
      const { items, ...rest } = paged(found, ({ id }) => id, paging, 50);
      return { Grants: items.map((grant) => describe(grant, key)), ...rest };
    },
    async ListRetirableGrants({ RetiringPrincipal = '', ...paging }, call) {
      context.permit(call, 'kms:ListRetirableGrants');
      const found = [...ring.grants.values()].filter(
        ({ retiring, region }) => retiring === RetiringPrincipal && region === call.region,
      );
      const { items, ...rest } = paged(found, ({ id }) => id, paging, 50);
      const Grants = items.flatMap((grant) => {
        const key = ring.find(grant.keyId, grant);
        return key ? [describe(grant, key)] : [];
      });
      return { Grants, ...rest };
    },
    async RevokeGrant({ KeyId, GrantId = '', DryRun }, call) {
      const key = context.keyFor(KeyId, call, 'kms:RevokeGrant', {
        context: { 'kms:GrantIsForAWSResource': 'false' },
      });
      const grant = ring.grants.get(GrantId);
      if (grant?.keyId !== key.keyId || grant.region !== key.region)
        throw notFound(`Grant ID ${GrantId} not found`);
      dryRun(DryRun);
      await ring.grants.remove(GrantId);
      return {};
    },
    async RetireGrant({ GrantToken, KeyId, GrantId, DryRun }, call) {
      const grant = GrantToken === undefined ? ring.grants.get(GrantId ?? '') : byToken(GrantToken);
      const key = grant && ring.find(grant.keyId, grant);
      if (GrantToken === undefined && (KeyId === undefined || GrantId === undefined))
        throw validation('Give either a GrantToken, or the KeyId (as an ARN) and the GrantId.');
      if (!grant || !key || (KeyId !== undefined && ring.find(KeyId, call)?.arn !== key.arn))
        throw notFound(`Grant ID ${GrantId ?? ''} not found`);
      if (!mayRetire(grant, key, call))
        throw accessDenied(
          'kms',
          `User: ${call.principalArn} is not authorized to perform: kms:RetireGrant on resource: ${key.arn}`,
        );
      if (stateOf(key) === 'PendingDeletion') throw pendingDeletion(key);
      dryRun(DryRun);
      await ring.grants.remove(grant.id);
      return {};
    },
  };

  /** The retiring principal, a grantee to whom the grant itself says so, or whoever the key policy allows. */
  function mayRetire(grant: GrantRecord, key: KeyRecord, call: Call): boolean {
    if (grant.retiring !== undefined && isPrincipal(grant.retiring, call)) return true;
    if (grant.operations.includes('RetireGrant') && isPrincipal(grant.grantee, call)) return true;
    if (key.accountId !== call.accountId) return false;
    context.keyFor(key.arn, call, 'kms:RetireGrant');
    return true;
  }
}

const FOR_SIGNING = ['Sign', 'Verify', 'GetPublicKey'];
const FOR_ENCRYPTION = [
  'Decrypt',
  'Encrypt',
  'ReEncryptFrom',
  'ReEncryptTo',
  'GenerateDataKey',
  'GenerateDataKeyWithoutPlaintext',
  'GenerateDataKeyPair',
  'GenerateDataKeyPairWithoutPlaintext',
];
const FOR_MAC = ['GenerateMac', 'VerifyMac'];
const FOR_ALL = ['CreateGrant', 'RetireGrant', 'DescribeKey'];

function checkOperations({ usage, arn }: KeyRecord, operations: readonly string[]): void {
  const own = { SIGN_VERIFY: FOR_SIGNING, ENCRYPT_DECRYPT: FOR_ENCRYPTION, GENERATE_VERIFY_MAC: FOR_MAC }[
    usage
  ];
  const odd = operations.find((operation) => !own.includes(operation) && !FOR_ALL.includes(operation));
  if (operations.length === 0) throw validation('A grant needs at least one operation.');
  if (odd !== undefined)
    throw validation(`Grant operation ${odd} is not valid for ${arn}, whose key usage is ${usage}.`);
}

function sameGrant(
  known: GrantRecord,
  wanted: Omit<GrantRecord, 'id' | 'token' | 'issuer' | 'createdAt'>,
): boolean {
  const facts = (grant: typeof wanted): string =>
    JSON.stringify([
      ...[grant.name, grant.grantee, grant.retiring, grant.operations],
      ...[Object.entries(grant.equals ?? {}).sort(), Object.entries(grant.subset ?? {}).sort()],
    ]);
  return facts(known) === facts(wanted);
}

function describe(grant: GrantRecord, key: KeyRecord): KMS.GrantListEntry {
  return {
    KeyId: key.arn,
    GrantId: grant.id,
    Name: grant.name,
    CreationDate: new Date(grant.createdAt),
    GranteePrincipal: grant.grantee,
    RetiringPrincipal: grant.retiring,
    IssuingAccount: `arn:aws:iam::${grant.accountId}:root`,
    Operations: [...grant.operations] as KMS.GrantOperation[],
    ...(grant.equals ? { Constraints: { EncryptionContextEquals: { ...grant.equals } } } : {}),
    ...(grant.subset ? { Constraints: { EncryptionContextSubset: { ...grant.subset } } } : {}),
  };
}
