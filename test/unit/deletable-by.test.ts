import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { deletableBy, type PointGuards } from '../../domain/deletable-by.ts';

const infra = (path: string): Promise<string> =>
  readFile(new URL(`../../infra/iam/${path}`, import.meta.url), 'utf8').then((text) =>
    text.replaceAll('${VAULT_ACCOUNT}', '222222222222').replaceAll('${DRILL_ACCOUNT}', '333333333333'),
  );
const guards: PointGuards = {
  accountId: '222222222222',
  lock: { state: 'none' },
  deleteAt: '2027-02-19T02:30:00Z',
  vaultPolicy: null,
  keyPolicy: await infra('keys/vault.json'),
};
const statement = (...statements: object[]): string => JSON.stringify({ Statement: statements });
const deletes = { Action: 'backup:Delete*', Resource: '*' };

test('under an immutable lock nobody deletes a point before its date, whatever the policies say', () => {
  const lock = { state: 'immutable', since: '2026-01-01T00:00:00Z', minDays: 1, maxDays: 400 } as const;
  const [point, key] = deletableBy({
    ...guards,
    lock,
    vaultPolicy: statement({ Effect: 'Allow', Principal: '*', ...deletes }),
  });
  expect(point).toBe(
    'the point: nobody before 2027-02-19T02:30:00Z, under a compliance lock that nobody can take off',
  );
  // The key is another matter: a lock does not protect a point whose key is gone.
  expect(key).toBe(
    'its key, without which it cannot be read: whom the identity policies of account 222222222222 allow it',
  );
});

test('a lock that cools off, or none, leaves it to the policies', async () => {
  for (const lock of [
    { state: 'pending', immutableFrom: '2027-01-01T00:00:00Z' },
    { state: 'governance' },
  ] as const)
    expect(deletableBy({ ...guards, lock })[0]).toContain(
      'whom the identity policies of account 222222222222 allow',
    );
  const shipped = deletableBy({ ...guards, vaultPolicy: await infra('vaults/lifeboat.json') });
  expect(shipped[0]).toBe(
    'the point: nobody while the policy of the vault stays as it is; whoever may change that policy',
  );
});

test('principals whom a vault or a key admits are named, patterns of actions and denials with exceptions are seen', () => {
  const friend = { AWS: 'arn:aws:iam::999999999999:role/friend' };
  const named = deletableBy({
    ...guards,
    vaultPolicy: statement(
      { Effect: 'Allow', Principal: friend, ...deletes },
      {
        Effect: 'Deny',
        Principal: '*',
        ...deletes,
        Condition: { StringNotEquals: { 'aws:PrincipalArn': 'x' } },
      },
    ),
    keyPolicy: statement({ Effect: 'Allow', Principal: friend, Action: 'kms:*' }),
  });
  expect(named[0]).toBe(
    'the point: whom the identity policies of account 222222222222 allow it; arn:aws:iam::999999999999:role/friend; the policy denies it to some, or under conditions',
  );
  expect(named[1]).toContain('arn:aws:iam::999999999999:role/friend');
  const reader = statement({ Effect: 'Allow', Principal: friend, Action: ['kms:Decrypt', 'kms:Describe*'] });
  expect(deletableBy({ ...guards, keyPolicy: reader })[1]).toContain('nobody whom its policy names');
});

test('what could not be read is called not known, never nobody', () => {
  const [point, key] = deletableBy({
    ...guards,
    vaultPolicy: { unknown: 'AccessDeniedException' },
    keyPolicy: 'no JSON',
  });
  expect(point).toContain('not known: the policy of the vault could not be read (AccessDeniedException)');
  expect(key).toContain('not known: the policy of the key is not understood');
  expect(deletableBy({ ...guards, keyPolicy: null })[1]).toBe('its key: none of a customer was read back');
});
