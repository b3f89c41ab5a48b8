import type { Call } from '../wire/handlers.ts';
import { callerOf } from '../auth/request-context.ts';
import type { GrantRecord, KeyRecord, KeyRing } from './keys.ts';

/** A grant that lets the caller do `operation` on the key with this encryption context. */
export function grantFor(
  ring: KeyRing,
  key: KeyRecord,
  call: Call,
  operation: string,
  encryptionContext: Readonly<Record<string, string>> | undefined,
): GrantRecord | undefined {
  if (ring.grants.size === 0) return undefined;
  return ring
    .grantsOn(key)
    .find(
      (grant) =>
        grant.operations.includes(operation) &&
        isPrincipal(grant.grantee, call) &&
        constraintsHold(grant, operation, encryptionContext),
    );
}

/** Whether `arn` names the caller: its session, its role, its user or its whole account. */
export function isPrincipal(arn: string, call: Call): boolean {
  const { principalArn, roleArn } = callerOf(call);
  return arn === principalArn || arn === roleArn || arn === `arn:aws:iam::${call.accountId}:root`;
}

/** Operations that take an encryption context; constraints do not concern the others. */
const WITH_CONTEXT: ReadonlySet<string> = new Set([
  'Decrypt',
  'Encrypt',
  'GenerateDataKey',
  'GenerateDataKeyWithoutPlaintext',
  'GenerateDataKeyPair',
  'GenerateDataKeyPairWithoutPlaintext',
  'ReEncryptFrom',
  'ReEncryptTo',
]);

function constraintsHold(
  { equals, subset }: GrantRecord,
  operation: string,
  given: Readonly<Record<string, string>> = {},
): boolean {
  if (!WITH_CONTEXT.has(operation)) return true;
  const contains = (wanted: Readonly<Record<string, string>>): boolean =>
    Object.entries(wanted).every(([key, value]) => given[key] === value);
  if (subset) return contains(subset);
  if (equals) return contains(equals) && Object.keys(given).length === Object.keys(equals).length;
  return true;
}
