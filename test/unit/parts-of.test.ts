import { expect, test } from '@jest/globals';
import type { ProtectionFact } from '../../domain/facts.ts';
import { partsOf } from '../../evidence/parts-of.ts';
import { sentenceOf } from '../../evidence/statement-kinds.ts';
import { ONE_OF_EACH, POINT } from './evidence-claims.ts';
import { protectionFact, SLOT } from './evidence-facts.ts';

const point = (arn: string): ProtectionFact['points'][number] => ({
  ...POINT,
  arn,
  readAt: SLOT,
  wantedLock: 'compliance',
});
const { fingerprint } = ONE_OF_EACH.fingerprint;
const protection: ProtectionFact = {
  ...protectionFact(),
  points: [point('arn:source'), point('arn:copy')],
  fingerprints: [fingerprint, fingerprint],
  timings: [
    { step: 'backup', startedAt: SLOT, seconds: 60 },
    { step: 'copy to lifeboat (vault, us-east-1)', startedAt: '2026-11-21T02:40:00Z', seconds: 90 },
  ],
};

/** What a JSON Pointer leads to. */
const follow = (value: unknown, pointer: string): unknown =>
  pointer
    .split('/')
    .slice(1)
    .reduce((at, name) => (at as Record<string, unknown>)[name], value);

test('a protection is read fact by fact: point, hop, locks and fingerprints, each where its pointer leads', () => {
  const parts = partsOf(protection);
  expect(parts.map(({ pointer, fact }) => [pointer, fact.type])).toEqual([
    ['/predicate/points/0', 'recovery-point'],
    ['/predicate/points/0/lock', 'lock'],
    ['/predicate/points/1', 'copy'],
    ['/predicate/points/1/lock', 'lock'],
    ['/predicate/fingerprints/0', 'fingerprint'],
    ['/predicate/fingerprints/1', 'fingerprint'],
  ]);
  for (const { pointer, fact } of parts) {
    const told = fact.type === 'lock' ? fact.lock : 'point' in fact ? fact.point : fact.fingerprint;
    expect(follow({ predicate: protection }, pointer)).toEqual(told);
    expect(sentenceOf(fact)).not.toMatch(/undefined/);
  }
  expect(parts[2]?.fact).toMatchObject({
    ...{ hop: 1, fromArn: 'arn:source' },
    ...{ startedAt: '2026-11-21T02:40:00Z', endedAt: '2026-11-21T02:41:30.000Z' },
  });
  expect(parts.slice(4).map(({ fact }) => fact)).toMatchObject([{ moment: 'before' }, { moment: 'after' }]);
});

test('of an older statement only what it says is read', () => {
  const parts = partsOf({ ...protection, points: [POINT, POINT], fingerprints: [], timings: [] });
  expect(parts.map(({ fact }) => fact.type)).toEqual(['recovery-point']);
});
