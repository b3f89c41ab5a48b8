import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { formatProblems, parsePolicy } from '../../domain/policy/parse.ts';
import { promiseCatalogue } from '../../domain/policy/promise-schema.ts';
import { residencyProblem } from '../../domain/policy/residency.ts';
import { parameters } from '../../domain/policy/rules/promises.ts';
import { PARAMETER_OF, predicateText } from '../../domain/promises.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import type { Predicate } from '../../domain/promises.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const minimal = await readFile(`${EXAMPLES}/minimal.yaml`, 'utf8');

function policyWith(more: string): Policy {
  const parsed = parsePolicy(`${minimal}${more}`, 'lifeboat.yaml');
  if (!parsed.ok) throw new Error(formatProblems(parsed.problems));
  return parsed.policy;
}

/** What is said of the minimal example with `more` at its end, without the place. */
function said(more: string, text = minimal): string[] {
  const parsed = parsePolicy(`${text}${more}`, 'lifeboat.yaml');
  const found = parsed.ok ? parsed.warnings : parsed.problems;
  return found.map(({ path, message }) => `${path}: ${message}`);
}

const promise = (holds: string, more = ''): string =>
  `promises:\n  - { name: p1, says: all is well, ${more}holds: [{ ${holds} }] }\n`;

test('data that would lie outside of the residency is refused where the policy says so, hop by hop', () => {
  const outside = 'is us-east-1: data would be in us-east-1; residency.regions allows eu-central-1';
  expect(said('residency: { regions: [eu-central-1] }\n')).toEqual([
    `copies[0].region: ${outside}`,
    `copies[1].region: ${outside}`,
    `drill.region: ${outside}`,
  ]);
  expect(said('residency: { regions: [eu-central-1, us-east-1] }\n')).toEqual([]);
  expect(said('residency: { regions: [us-east-1, eu-central-1, us-east-1] }\n')).toEqual([
    'residency.regions[2]: us-east-1 is listed twice; remove one',
  ]);
  expect(said('residency: { regions: [Frankfurt] }\n')[0]).toContain('an AWS region such as eu-central-1');
});

test('at run time a region or an account that the policy does not know is refused in the same words', () => {
  const policy = policyWith('residency: { regions: [eu-central-1, us-east-1] }\n');
  expect(residencyProblem(policy, { region: 'eu-central-1', accountId: '111111111111' })).toBeNull();
  expect(residencyProblem(policy, { region: 'ap-south-1' })).toBe(
    'data would be in ap-south-1; residency.regions allows eu-central-1, us-east-1',
  );
  expect(residencyProblem(policy, { region: 'us-east-1', accountId: '999999999999' })).toContain(
    'the account 999999999999',
  );
  expect(residencyProblem(policyWith(''), { region: 'ap-south-1' })).toBeNull();
});

test('a kind of promise needs its own parameter and takes no other one', () => {
  for (const [kind, needed] of Object.entries(PARAMETER_OF)) {
    const bare = { kind } as Predicate;
    expect([kind, parameters(bare, []).length]).toEqual([kind, needed === null ? 0 : 1]);
    const full: Predicate = { ...bare, ...(needed === null ? {} : { [needed]: VALUES[needed] }) };
    expect(parameters(full, [])).toEqual([]);
    expect(predicateText(full)).not.toMatch(/\?|undefined/);
    const wrong = needed === 'every' ? { count: 1 } : { every: '24h' };
    expect(parameters({ ...full, ...wrong }, [])).toHaveLength(1);
  }
  expect(said(promise('kind: backed-up'))).toEqual([
    'promises[0].holds[0]: is of the kind backed-up, which needs every; add it',
  ]);
  expect(said(promise('kind: encrypted, every: 24h'))).toEqual([
    'promises[0].holds[0].every: means nothing for the kind encrypted; leave it out',
  ]);
});

const VALUES = {
  every: '24h',
  within: '24h',
  atLeast: '30d',
  atMost: '4h',
  count: 7,
  regions: ['eu-west-1'],
};

test.each([
  ['kind: kept, atLeast: 91d', 'retention.days is 90'],
  ['kind: removed, within: 60d', 'retention.days keeps points for 90 days'],
  ['kind: rto, atMost: 1h', 'objectives.rto is 4h'],
  ['kind: rpo, atMost: 1h', 'objectives.rpo is 24h'],
  ['kind: residency, regions: [eu-central-1]', 'this policy puts data into us-east-1'],
])('a promise that the policy itself would break is refused: %s', (holds, why) => {
  expect(said(promise(holds))).toEqual([expect.stringContaining(why)]);
});

test.each(['kept, atLeast: 90d', 'removed, within: 90d', 'rto, atMost: 4h', 'rpo, atMost: 24h'])(
  'a promise that the policy just keeps is allowed: kind: %s',
  (holds) => expect(said(promise(`kind: ${holds}`))).toEqual([]),
);

test('a promise that nothing can prove yet is a warning that says so', () => {
  expect(said(promise('kind: point-in-time'))).toEqual([
    'promises[0].holds[0].kind: cannot be proven yet ("restorable to any point in time"): no statement says to which instants a resource can be restored; reports will say "not provable"',
  ]);
});

test('a promise about an unknown resource, or with the name of another one, is refused', () => {
  expect(said(promise('kind: encrypted', 'resources: [ordrs], '))[0]).toContain(
    'ordrs is not the name of a resource',
  );
  const twice = `${promise('kind: encrypted')}  - { name: p1, says: it is well, holds: [{ kind: immutable }] }\n`;
  expect(said(twice)).toEqual([expect.stringContaining('p1 is the name of another promise')]);
});

test('reviewers and owners of waivers are people, each once, and no waiver outlives its evidence', () => {
  expect(said('reviewers: [grace, ada, grace]\n')[0]).toContain('reviewers[2]: grace is listed twice');
  expect(said('waivers: { longest: 500d }\n')).toEqual([
    expect.stringContaining('longer than ledger.keep (400d)'),
  ]);
  expect(said('restore: { approvals: 2, approvers: [grace] }\n')[0]).toContain('no restore could ever begin');
  expect(said('restore: { approvals: 1, approvers: [grace] }\n')).toEqual([]);
  expect(said('reviewers: ["two words"]\n')[0]).toContain('a person as in --as');
});

test('every control catalogue is made of predicates that can be asked', async () => {
  const files = await readdir(`${EXAMPLES}/controls`);
  expect(files.length).toBeGreaterThanOrEqual(5);
  for (const file of files) {
    const { promises } = promiseCatalogue.parse(
      parse(await readFile(`${EXAMPLES}/controls/${file}`, 'utf8')),
    );
    for (const { name, holds } of promises)
      expect([file, name, holds.flatMap((one) => parameters(one, []))]).toEqual([file, name, []]);
  }
});
