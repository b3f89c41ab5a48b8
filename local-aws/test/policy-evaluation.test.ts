import { describe, expect, test } from '@jest/globals';
import { conditionsHold } from '../src/auth/conditions.ts';
import { evaluateIdentity } from '../src/auth/evaluate.ts';
import { parsePolicy } from '../src/auth/policy-document.ts';
import { policy } from './support/local-aws.ts';

const ask = (statement: object, action: string, resource: string) =>
  evaluateIdentity([parsePolicy(policy(statement), 'identity')], { action, resource, context: {} }).effect;

test.each([
  ['rds:Describe*', 'rds:DescribeDBInstances', 'allow'],
  ['RDS:describe*', 'rds:DescribeDBInstances', 'allow'],
  ['rds:Describe*', 'rds:DeleteDBInstance', 'none'],
  ['*', 'kms:Decrypt', 'allow'],
  ['s3:Get?bject', 's3:GetObject', 'allow'],
])('the action pattern %s on %s: %s', (Action, action, expected) => {
  expect(ask({ Effect: 'Allow', Action, Resource: '*' }, action, 'arn:aws:x:::y')).toBe(expected);
});

test.each([
  ['arn:aws:s3:::ledger/*', 'arn:aws:s3:::ledger/a/b', 'allow'],
  ['arn:aws:s3:::ledger/*', 'arn:aws:s3:::ledger', 'none'],
  ['arn:aws:s3:::led.er', 'arn:aws:s3:::ledger', 'none'],
  [
    'arn:aws:rds:*:111111111111:snapshot:lifeboat-*',
    'arn:aws:rds:eu-central-1:111111111111:snapshot:lifeboat-1',
    'allow',
  ],
])('the resource pattern %s on %s: %s', (Resource, resource, expected) => {
  expect(ask({ Effect: 'Allow', Action: '*', Resource }, 's3:GetObject', resource)).toBe(expected);
});

test.each([
  ['team', 'arn:aws:s3:::ledger/team/a', 'allow'],
  ['team', 'arn:aws:s3:::ledger/other/a', 'none'],
  ['*', 'arn:aws:s3:::ledger/other/a', 'none'],
])('a resource with the tag %s of the principal in it, on %s: %s', (team, resource, expected) => {
  const statement = {
    Effect: 'Allow',
    Action: '*',
    Resource: 'arn:aws:s3:::ledger/${aws:PrincipalTag/team}/*',
  };
  const context = { 'aws:PrincipalTag/team': team };
  const question = { action: 's3:GetObject', resource, context };
  expect(evaluateIdentity([parsePolicy(policy(statement), 'identity')], question).effect).toBe(expected);
  const old = JSON.stringify({ Version: '2008-10-17', Statement: statement });
  expect(evaluateIdentity([parsePolicy(old, 'identity')], question).effect).toBe('none');
});

test.each([
  ['a principal with a wildcard in it', { AWS: 'arn:aws:iam::111111111111:role/*' }],
  ['a principal that is no ARN', { AWS: 'bob' }],
  ['a kind of principal that is not evaluated', { Federated: 'cognito-identity.amazonaws.com' }],
])('%s is refused when the policy is written', (_what, Principal) => {
  const statement = { Effect: 'Allow', Principal, Action: '*', Resource: '*' };
  expect(() => parsePolicy(policy(statement), 'resource')).toThrow(/[Pp]rincipal/);
});

test('NotAction means everything else, and Deny with it leaves only what it names', () => {
  const both = parsePolicy(
    policy(
      { Effect: 'Allow', Action: '*', Resource: '*' },
      { Effect: 'Deny', NotAction: 's3:*', Resource: '*' },
    ),
    'identity',
  );
  const effect = (action: string) => evaluateIdentity([both], { action, resource: '*', context: {} }).effect;
  expect(effect('s3:GetObject')).toBe('allow');
  expect(effect('kms:Decrypt')).toBe('deny');
});

describe('conditions', () => {
  test.each<
    [string, Record<string, Record<string, string | string[]>>, Record<string, string | string[]>, boolean]
  >([
    ['equal', { StringEquals: { 'a:k': 'x' } }, { 'a:k': 'x' }, true],
    ['keys in another case', { StringEquals: { 'A:K': 'x' } }, { 'a:k': 'x' }, true],
    ['one of several values', { StringEquals: { 'a:k': ['w', 'x'] } }, { 'a:k': 'x' }, true],
    ['absent key', { StringEquals: { 'a:k': 'x' } }, {}, false],
    ['absent key with IfExists', { StringEqualsIfExists: { 'a:k': 'x' } }, {}, true],
    ['absent key, negated', { StringNotEquals: { 'a:k': 'x' } }, {}, true],
    ['negated and equal', { StringNotEquals: { 'a:k': 'x' } }, { 'a:k': 'x' }, false],
    ['like', { StringLike: { 'a:k': 'lifeboat-*' } }, { 'a:k': 'lifeboat-1' }, true],
    ['ARN like', { ArnLike: { 'a:k': 'arn:aws:iam::*:role/x' } }, { 'a:k': 'arn:aws:iam::1:role/x' }, true],
    ['number too large', { NumericLessThanEquals: { 'a:k': '100' } }, { 'a:k': '101' }, false],
    ['number at the limit', { NumericLessThanEquals: { 'a:k': '100' } }, { 'a:k': '100' }, true],
    ['no number at all', { NumericLessThan: { 'a:k': '100' } }, { 'a:k': 'many' }, false],
    ['bool', { Bool: { 'aws:SecureTransport': 'true' } }, { 'aws:SecureTransport': 'true' }, true],
    [
      'inside the block',
      { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } },
      { 'aws:SourceIp': '127.9.9.9' },
      true,
    ],
    [
      'outside the block',
      { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
      { 'aws:SourceIp': '127.0.0.1' },
      false,
    ],
    ['absent as wanted', { Null: { 'a:k': 'true' } }, {}, true],
    ['present though absence was wanted', { Null: { 'a:k': 'true' } }, { 'a:k': 'x' }, false],
    [
      'all values allowed',
      { 'ForAllValues:StringEquals': { 'a:k': ['x', 'y'] } },
      { 'a:k': ['x', 'y'] },
      true,
    ],
    [
      'one value not allowed',
      { 'ForAllValues:StringEquals': { 'a:k': ['x', 'y'] } },
      { 'a:k': ['x', 'z'] },
      false,
    ],
    ['any value', { 'ForAnyValue:StringEquals': { 'a:k': ['x'] } }, { 'a:k': ['x', 'z'] }, true],
    [
      'two operators, one false',
      { StringEquals: { 'a:k': 'x' }, Bool: { b: 'true' } },
      { 'a:k': 'x', b: 'false' },
      false,
    ],
    [
      'variable',
      { StringEquals: { 'a:k': '${aws:PrincipalAccount}' } },
      { 'a:k': '1', 'aws:PrincipalAccount': '1' },
      true,
    ],
    ['unknown variable', { StringEquals: { 'a:k': '${aws:Unknown}' } }, { 'a:k': '' }, false],
    ['variable with a default', { StringEquals: { 'a:k': "${aws:Unknown, 'x'}" } }, { 'a:k': 'x' }, true],
    [
      'wildcards in a value are no wildcards',
      { StringLike: { 'a:k': '${aws:PrincipalTag/t}' } },
      { 'a:k': 'anything', 'aws:PrincipalTag/t': '*' },
      false,
    ],
    ['a literal star', { StringLike: { 'a:k': 'a${*}' } }, { 'a:k': 'ab' }, false],
    ['a literal star, met', { StringLike: { 'a:k': 'a${*}' } }, { 'a:k': 'a*' }, true],
    [
      'an ARN wildcard stays within its part',
      { ArnLike: { 'a:k': 'arn:aws:rds:*:db:x' } },
      { 'a:k': 'arn:aws:rds:eu-central-1:111111111111:db:x' },
      false,
    ],
    ['no key at all, any value asked', { 'ForAnyValue:StringEquals': { 'a:k': ['x'] } }, {}, false],
    ['no key at all, all values asked', { 'ForAllValues:StringEquals': { 'a:k': ['x'] } }, {}, true],
    [
      'none of the values may be x',
      { 'ForAllValues:StringNotEquals': { 'a:k': ['x'] } },
      { 'a:k': ['y', 'x'] },
      false,
    ],
  ])('%s', (_what, Condition, context, expected) => {
    const [statement] = parsePolicy(
      policy({ Effect: 'Allow', Action: '*', Resource: '*', Condition }),
      'identity',
    );
    expect(conditionsHold(statement!.conditions, context)).toBe(expected);
  });
});
