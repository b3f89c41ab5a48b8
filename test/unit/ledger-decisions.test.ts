import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { statementOfDecision } from '../../activities/ledger/decisions.ts';
import { findDrill, statementNamed } from '../../activities/ledger/drill-evidence.ts';
import { createAwsTime } from '../../activities/ledger/aws-time.ts';
import { recordStatement } from '../../activities/ledger/statements.ts';
import { parsePolicy } from '../../domain/policy/parse.ts';
import { fakeTemporal, lifeboat } from '../support/cli-world.ts';
import { newSigner } from './evidence-export.ts';
import { drillFact, protectionFact, SLOT } from './evidence-facts.ts';
import { fakeBucket } from './ledger-bucket.ts';
import type { Decision } from '../../domain/decisions.ts';
import type { DrillFact } from '../../domain/facts.ts';
import type { Policy } from '../../domain/policy/schema.ts';

const signer = newSigner();
const NOW = '2026-11-22T09:00:00Z';
const policy = ((): Policy => {
  const parsed = parsePolicy(readFileSync('examples/full.yaml', 'utf8'), 'full.yaml');
  if (!parsed.ok) throw new Error('the example is no policy');
  return {
    ...parsed.policy,
    name: 'sample',
    reviewers: ['grace', 'ada'],
    waivers: { owners: ['barbara'], longest: '90d' },
  };
})();
const policySha256 = 'ab'.repeat(32);
const signOff = (reviewer = 'grace', more = {}): Decision => ({
  kind: 'sign-off',
  policySha256,
  which: 'orders',
  reviewer,
  decision: 'accepted',
  note: 'looked at it',
  ...more,
});
const waiver = (more = {}): Decision => ({
  kind: 'waiver',
  policySha256,
  waiver: 'w-1',
  owner: 'barbara',
  resource: 'orders',
  what: 'content',
  reason: 'is rebuilt',
  expires: '2026-12-31T23:59:59Z',
  ...more,
});

/** A ledger with one drill of orders, and that drill as the ledger reads it. */
async function drilled(more: Partial<DrillFact> = {}) {
  const bucket = fakeBucket();
  const fact = { ...drillFact(), ...more };
  await recordStatement(bucket.ledger, createAwsTime(), signer, {
    scope: 'drill-orders',
    name: 'drill',
    fact,
  });
  return { bucket, statement: await statementNamed(bucket.ledger, 'orders') };
}

test('a reviewer signs a drill off, and its report shows it', async () => {
  const { bucket, statement } = await drilled();
  bucket.now = new Date(NOW);
  const signed = statementOfDecision(policy, signOff(), NOW, statement);
  await recordStatement(bucket.ledger, createAwsTime(), signer, signed);
  const granted = statementOfDecision(policy, waiver(), SLOT, null);
  await recordStatement(bucket.ledger, createAwsTime(), signer, granted);
  const { signOffs, waivers } = await findDrill(bucket.ledger, 'orders');
  expect(signOffs.map(({ fact }) => [fact.reviewer, fact.decision, fact.note])).toEqual([
    ['grace', 'accepted', 'looked at it'],
  ]);
  expect(waivers.map(({ fact }) => [fact.waiver, fact.owner])).toEqual([['w-1', 'barbara']]);
});

test('the same sign-off twice is one statement, and another word of the same reviewer is refused', async () => {
  const { bucket, statement } = await drilled();
  const write = (decision: Decision) =>
    recordStatement(
      bucket.ledger,
      createAwsTime(),
      signer,
      statementOfDecision(policy, decision, NOW, statement),
    );
  const first = await write(signOff());
  expect(await write(signOff())).toEqual(first);
  await expect(write(signOff('grace', { decision: 'rejected' }))).rejects.toMatchObject({
    type: 'LedgerRefused',
  });
  expect(await write(signOff('ada'))).not.toEqual(first);
});

test.each<[string, Decision, Partial<DrillFact>, string]>([
  [
    'somebody who is no reviewer',
    signOff('mallory'),
    {},
    'not one of the policy’s reviewers'.replace('’', "'"),
  ],
  ['who asked for the drill', signOff('ada'), { trigger: 'by-hand', requestedBy: 'ada' }, 'ada took part'],
  ['who approved the drill', signOff('ada'), { approvedBy: ['ada'] }, 'ada took part'],
  ['a reviewer of another policy', signOff(), { policy: 'other' }, 'belongs to the policy other'],
])('a sign-off by %s is refused', async (_who, decision, more, why) => {
  const { statement } = await drilled(more);
  expect(() => statementOfDecision(policy, decision, NOW, statement)).toThrow(why);
});

test('what is no drill cannot be signed off', async () => {
  const bucket = fakeBucket();
  const fact = protectionFact();
  const { key } = await recordStatement(bucket.ledger, createAwsTime(), signer, {
    scope: 'a',
    name: 'b',
    fact,
  });
  const statement = await statementNamed(bucket.ledger, key);
  expect(() => statementOfDecision(policy, signOff(), NOW, statement)).toThrow(
    'drills and restores are signed off',
  );
});

test('that nobody knows who started a drill by hand is part of its sign-off', async () => {
  const { statement } = await drilled({ trigger: 'by-hand' });
  const { fact } = statementOfDecision(policy, signOff(), NOW, statement);
  expect(fact).toMatchObject({ note: 'looked at it The statement does not name who started the drill.' });
});

test.each([
  ['somebody else', { owner: 'mallory' }, 'may not answer'],
  ['a resource that is not there', { resource: 'ghost' }, 'no resource ghost'],
  ['a day that has passed', { expires: '2026-11-21T23:59:59Z' }, 'would have ended already'],
  ['a day that is none', { expires: 'soon' }, 'would have ended already'],
  ['more than the policy allows', { expires: '2027-12-31T23:59:59Z' }, 'waivers.longest allows 90d'],
])('a waiver of %s is refused', (_what, more, why) => {
  expect(() => statementOfDecision(policy, waiver(more), NOW, null)).toThrow(why);
});

const REF = { key: 'statements/2026-11-22/x.json', versionId: 'v', sha256: 'ab', type: 'sign-off' };

test('the command asks the control plane to write a decision down, and says where it is', async () => {
  const temporal = fakeTemporal();
  temporal.pollers.set('lifeboat', 1);
  temporal.results.set('decision/night/', REF);
  const line = [
    'evidence',
    'sign-off',
    'orders',
    '--as',
    'grace',
    '--decision',
    'rejected',
    '--note',
    'too slow',
  ];
  expect(await lifeboat(line, temporal)).toMatchObject({ status: 0, out: expect.stringContaining(REF.key) });
  expect(temporal.started).toEqual([
    expect.objectContaining({
      type: 'recordDecision',
      argument: expect.objectContaining({
        decision: expect.objectContaining({
          which: 'orders',
          reviewer: 'grace',
          decision: 'rejected',
          note: 'too slow',
        }),
      }),
    }),
  ]);
  const add = [
    'waiver',
    'add',
    '--what',
    'content',
    '--reason',
    'rebuilt',
    '--expires',
    '2026-12-31',
    '--owner',
    'barbara',
  ];
  expect(await lifeboat(add, temporal)).toMatchObject({ status: 0 });
  expect(temporal.started[1]!.argument).toMatchObject({
    decision: { kind: 'waiver', owner: 'barbara', resource: null, expires: '2026-12-31T23:59:59Z' },
  });
});

test('without a worker, or with a day that is none, nothing is started', async () => {
  const temporal = fakeTemporal();
  const line = ['evidence', 'sign-off', 'orders'];
  expect(await lifeboat(line, temporal)).toMatchObject({
    status: 2,
    err: expect.stringContaining('No worker'),
  });
  const add = ['waiver', 'add', '--what', 'x', '--reason', 'y', '--expires', '2026-02-30'];
  expect(await lifeboat(add, temporal)).toMatchObject({
    status: 2,
    err: expect.stringContaining('is not a day'),
  });
  expect(temporal.started).toEqual([]);
});
