import { expect, test } from '@jest/globals';
import { drillFactLines, protectionFactLines } from '../../cli/print/facts.ts';
import { createTerminal, table } from '../../cli/terminal.ts';
import { count, howFar, howLong, size, some, wholeLength } from '../../domain/words.ts';
import { parsePolicy } from '../../domain/policy/parse.ts';
import { readFileSync } from 'node:fs';
import { drillFact, protectionFact } from './evidence-facts.ts';
import { POLICY_FILE } from '../support/cli-world.ts';

const nowhere = { write: () => undefined };
const terminal = createTerminal({ stdout: nowhere, stderr: nowhere, json: false, color: false });

test.each([
  [0.04, '0.0 s'],
  [59.94, '59.9 s'],
  [245, '4 min 05 s'],
  [3600 * 3 + 12 * 60, '3 h 12 min'],
  [86_400 * 12 + 3600 * 4, '12 d 4 h'],
])('%d seconds are said as %s', (seconds, said) => {
  expect(howLong(seconds)).toBe(said);
});

test('a whole length leaves out what is nothing', () => {
  expect([30, 240, 14_400, 34_560_000].map(wholeLength)).toEqual(['30 s', '4 min', '4 h', '400 d']);
});

test('instants are told from now, in both directions', () => {
  const now = new Date('2026-11-21T12:00:00Z');
  expect(howFar('2026-11-21T11:59:30Z', now)).toBe('just now');
  expect(howFar('2026-11-21T11:55:20Z', now)).toBe('4 min ago');
  expect(howFar('2026-11-21T15:10:00Z', now)).toBe('in 3 h 10 min');
});

test('counts and sizes are the same in every locale', () => {
  expect(count(1_234_567)).toBe('1,234,567');
  expect(some(1, 'row')).toBe('1 row');
  expect(some(2, 'irregularity', 'irregularities')).toBe('2 irregularities');
  expect(size(1_677_722)).toBe('1.6 MiB');
});

test('columns are as wide as what can be seen of their widest cell', () => {
  expect(table(['a', 'b'], [['\u001b[32mlong\u001b[39m', 'x']])).toEqual([
    'a     b',
    '\u001b[32mlong\u001b[39m  x',
  ]);
});

test('with --json nothing but the result reaches standard output', () => {
  const out: string[] = [];
  const err: string[] = [];
  const quiet = createTerminal({
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    json: true,
    color: false,
  });
  quiet.say('words');
  quiet.note('progress');
  quiet.result({ n: 1 });
  expect(out).toEqual(['{\n  "n": 1\n}\n']);
  expect(err).toEqual(['progress\n']);
});

test('a drill that reached production and left something behind says both in words', () => {
  const fact = drillFact();
  const lines = drillFactLines(terminal, {
    ...fact,
    fence: { attempts: [{ target: 'production', reached: true, how: 'it answered' }], settings: {} },
    teardown: { complete: false, removed: [{ what: 'the copy', absent: false, seen: 'still available' }] },
  }).join('\n');
  expect(lines).toContain('production: REACHED (it answered)');
  expect(lines).toContain('teardown, NOT complete:\n  the copy: STILL THERE (still available)');
});

test('isolation that nobody tried is never shown as proven', () => {
  for (const fence of [null, { attempts: [], settings: {} }])
    expect(drillFactLines(terminal, { ...drillFact(), fence }).join('\n')).toContain(
      'isolation:\n  nothing was tried',
    );
});

test('a missed objective says by how much', () => {
  const fact = drillFact();
  const lines = drillFactLines(terminal, {
    ...fact,
    objectives: { rtoSeconds: 10, rpoSeconds: 60 },
    rto: { available: 5, firstQuery: 6, verified: 12 },
    rpoSeconds: 90,
  }).join('\n');
  expect(lines).toContain('verified 12.0 s (objective 10 s, missed by 2.0 s)');
  expect(lines).toContain('(objective 1 min, missed by 30.0 s)');
});

test('a protection without a fingerprint says that nothing can be compared', () => {
  const parsed = parsePolicy(readFileSync(POLICY_FILE, 'utf8'), POLICY_FILE);
  if (!parsed.ok) throw new Error('the example is not valid');
  const lines = protectionFactLines(terminal, { ...protectionFact(), fingerprints: [] }, parsed.policy).join(
    '\n',
  );
  expect(lines).toContain('no fingerprint could be taken, so nothing can be compared');
});
