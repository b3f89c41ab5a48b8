import * as SM from '@aws-sdk/client-secrets-manager';
import { randomInt } from 'node:crypto';
import { parsePolicy, PolicyRefused } from '../auth/policy-document.ts';
import { notImplemented } from '../wire/errors.ts';
import type { SecretRecord } from './secrets.ts';

/** Filters compare beginnings, without regard to case (except for tags' values and names); `!` turns one round. */
export function fits(secret: SecretRecord, { Key, Values = [] }: SM.Filter): boolean {
  const { name, description = '', tags, owningService = '' } = secret;
  const of: Readonly<Record<string, readonly string[]>> = {
    name: [name],
    description: [description],
    'tag-key': tags.map((tag) => tag.Key),
    'tag-value': tags.map((tag) => tag.Value),
    'owning-service': [owningService],
  };
  const actual = Key === 'all' ? Object.values(of).flat() : of[Key ?? ''];
  if (!actual) throw notImplemented('secretsmanager', `ListSecrets with the filter ${Key ?? ''}`);
  const begins = (wanted: string): boolean =>
    actual.some((value) => value.toLowerCase().startsWith(wanted.toLowerCase()));
  return Values.some((wanted) => (wanted.startsWith('!') ? !begins(wanted.slice(1)) : begins(wanted)));
}

/** @throws MalformedPolicyDocumentException, PublicPolicyException */
export function checkPolicy(text: string, blockPublic: boolean): void {
  try {
    const statements = parsePolicy(text, 'resource');
    const open = statements.some(
      ({ effect, principals, conditions }) =>
        effect === 'Allow' && principals?.anyone === true && Object.keys(conditions).length === 0,
    );
    if (blockPublic && open)
      throw new SM.PublicPolicyException({
        message: 'You must not specify an overly permissive policy.',
        $metadata: {},
      });
  } catch (err) {
    if (!(err instanceof PolicyRefused)) throw err;
    throw new SM.MalformedPolicyDocumentException({ message: err.message, $metadata: {} });
  }
}

const SETS = {
  lower: 'abcdefghijklmnopqrstuvwxyz',
  upper: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  digits: '0123456789',
  punctuation: '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
} as const;

/** As GetRandomPassword: 32 characters, at least one of each kind, unless told otherwise. */
export function randomPassword(input: SM.GetRandomPasswordCommandInput): string {
  const excluded = new Set(input.ExcludeCharacters ?? '');
  const sets = [
    input.ExcludeLowercase === true ? '' : SETS.lower,
    input.ExcludeUppercase === true ? '' : SETS.upper,
    input.ExcludeNumbers === true ? '' : SETS.digits,
    (input.ExcludePunctuation === true ? '' : SETS.punctuation) + (input.IncludeSpace === true ? ' ' : ''),
  ]
    .map((set) => Array.from(set).filter((char) => !excluded.has(char)))
    .filter((set) => set.length > 0);
  const length = input.PasswordLength ?? 32;
  const each = input.RequireEachIncludedType !== false;
  if (length < 1 || length > 4096 || sets.length === 0 || (each && length < sets.length))
    throw new SM.InvalidParameterException({
      message: 'Password length is too short based on the required types, or nothing is left to choose from.',
      $metadata: {},
    });
  const all = sets.flat();
  for (;;) {
    const password = Array.from({ length }, () => all[randomInt(all.length)] ?? '');
    if (!each || sets.every((set) => password.some((char) => set.includes(char)))) return password.join('');
  }
}
