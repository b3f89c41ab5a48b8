import crypto from 'node:crypto';
import { rmSync } from 'node:fs';
import { beforeAll, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { changed, changesOf, mutation } from './evidence-damage.ts';
import type { KeyObject } from 'node:crypto';
import type { Files } from './evidence-export.ts';

// Tens of thousands of verifications: what node:crypto computed of the same bytes before is not computed again. Everything else is the verifier.
const holds = new Map<string, boolean>();
const keys = new Map<string, KeyObject>();
jest.unstable_mockModule('node:crypto', () => ({
  ...crypto,
  createPublicKey: (
    material: string | KeyObject | { key: Buffer; format: 'der'; type: 'spki' },
  ): KeyObject => {
    if (material instanceof crypto.KeyObject) return crypto.createPublicKey(material);
    const id = typeof material === 'string' ? material : material.key.toString('base64');
    const key = keys.get(id) ?? crypto.createPublicKey(material);
    if (!keys.has(id)) {
      const [der, pem] = (['der', 'pem'] as const).map((format) =>
        key.export({ type: 'spki', format } as never),
      );
      Object.defineProperty(key, 'export', {
        value: ({ format }: { format: string }) => (format === 'der' ? der : pem),
      });
      keys.set(id, key);
    }
    return key;
  },
  verify: (digest: string | null, data: Buffer, key: KeyObject, signature: Buffer): boolean => {
    const spki = key.export({ type: 'spki', format: 'der' });
    const id = crypto.createHash('sha256').update(data).update(signature).update(spki).digest('base64');
    const before = holds.get(id);
    if (before !== undefined) return before;
    const held = crypto.verify(digest, data, key, signature);
    holds.set(id, held);
    return held;
  },
}));

const { verifyFiles } = await import('../../evidence/verifier/verify-export.ts');
const { checksumsOf, exportOf, goodNight, newSigner, readFiles } = await import('./evidence-export.ts');
let files: Files;

beforeAll(async () => {
  const signer = newSigner();
  const nights = Array.from({ length: 5 }, (_, n) => goodNight(n, [signer], ['orders', 'customers']));
  const dir = await exportOf(nights);
  files = readFiles(dir);
  rmSync(dir, { recursive: true });
});

function verified(all: Files): number {
  const names = [...all.keys()].sort();
  return verifyFiles({ list: () => names, read: (path) => all.get(path) }, 'memory').exitCode;
}

const RUNS = 20_000;

test('in a larger export 20 000 random changes, deletions, insertions, repetitions and swaps are noticed', () => {
  expect(verified(files)).toBe(0);
  let tried = 0;
  fc.assert(
    fc.property(mutation, (one) => {
      const changes = changesOf(files, one);
      if (changes === undefined) return;
      tried += 1;
      expect(verified(changed(files, changes))).toBe(1);
    }),
    { numRuns: RUNS + 2000 },
  );
  expect(tried).toBeGreaterThanOrEqual(RUNS);
});

test('changes to evidence are noticed even when the list of checksums is made to agree', () => {
  const evidence: Files = new Map([...files].filter(([path]) => /^(statements|seals)\//.test(path)));
  fc.assert(
    fc.property(mutation, (one) => {
      const changes = changesOf(evidence, one);
      if (changes === undefined) return;
      const after = changed(files, changes);
      after.set('SHA256SUMS', checksumsOf(after));
      expect(verified(after)).toBe(1);
    }),
    { numRuns: 2000 },
  );
});
