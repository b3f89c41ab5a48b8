import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { checksOf } from '../../domain/policy/checks.ts';
import { parsePolicy } from '../../domain/policy/parse.ts';
import { STANDARD_CHECKS } from '../../domain/verdict.ts';

const MINIMAL = parse(readFileSync('examples/minimal.yaml', 'utf8')) as {
  resources: Record<string, unknown>[];
};

function parsed(changes: Record<string, unknown>) {
  const [first, ...others] = MINIMAL.resources;
  return parsePolicy(
    stringify({ ...MINIMAL, resources: [{ ...first, ...changes }, ...others] }),
    'lifeboat.yaml',
  );
}
const assertion = { name: 'lines', says: 'every line has an order', sql: 'SELECT 0', than: 0 };

test('with questions of its own, a resource is also asked for semantics, and without them it is not', () => {
  const withOne = parsed({ assertions: [assertion] });
  const without = parsed({});
  if (!withOne.ok || !without.ok) throw new Error('both policies are right');
  expect(checksOf(withOne.policy.resources[0]!)).toContain('semantics');
  expect(STANDARD_CHECKS).toEqual(expect.arrayContaining(checksOf(without.policy.resources[0]!)));
});

test.each<[string, Record<string, unknown>, string]>([
  ['an assertion without words', { assertions: [{ ...assertion, says: 'x' }] }, 'a sentence in words'],
  ['a tolerance without a reason', { assertions: [{ ...assertion, tolerance: { by: 1 } }] }, 'is missing'],
  ['texts in an order', { assertions: [{ ...assertion, is: '<', than: 'a' }] }, '= or <>'],
  ['a name twice', { assertions: [assertion, assertion] }, 'another question above'],
  [
    'an application that is asked in no way',
    { applicationChecks: [{ name: 'shop', says: 'it can sell' }] },
    'exactly one of http and command',
  ],
  [
    'an address of another kind',
    { applicationChecks: [{ name: 'shop', says: 'it can sell', http: { url: 'ftp://x' } }] },
    'http://',
  ],
  ['semantics without a question', { checks: ['boot', 'semantics'] }, 'no question to ask'],
  [
    'a time of day that does not exist',
    { load: { quietHours: [{ from: '24:00', to: '25:00' }] } },
    'a time of day',
  ],
  [
    'memory together with sampling',
    { load: { everyNights: 7, rereadWithin: 7 } },
    'both everyNights and rereadWithin are given',
  ],
  ['memory for a single night', { load: { rereadWithin: 1 } }, 'a whole number from 2 to 365'],
  [
    'a read replica to take fingerprints from',
    { load: { replica: 'orders-replica' } },
    'fingerprints cannot be taken from a read replica yet',
  ],
  ['an unknown measure', { load: { stopWhen: { measure: 'cpu', above: 1 } } }, 'answer-time'],
])('%s is refused in words', (_, changes, words) => {
  const result = parsed(changes);
  expect(result.ok ? [] : result.problems.map(({ message }) => message).join('\n')).toContain(words);
});
