import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import { checksumsOf, exportOf, goodNight, newSigner, readFiles } from './evidence-export.ts';
import type { Files } from './evidence-export.ts';

const signer = newSigner();
let small = '';
let large = '';
let smallFiles: Files;
let largeFiles: Files;

beforeAll(async () => {
  small = await exportOf([goodNight(0, [signer])]);
  large = await exportOf(
    Array.from({ length: 4 }, (_, n) => goodNight(n, [signer], ['orders', 'customers'])),
  );
  smallFiles = readFiles(small);
  largeFiles = readFiles(large);
  expect(verifyExport(small).exitCode).toBe(0);
  expect(verifyExport(large).exitCode).toBe(0);
});

afterAll(() => {
  for (const dir of [small, large]) rmSync(dir, { recursive: true });
});

/** Exit status of the verification while the given files are changed (undefined: gone); afterwards all is as before. */
function verifiedWith(dir: string, files: Files, changes: ReadonlyMap<string, Buffer | undefined>): number {
  for (const [path, bytes] of changes) write(dir, path, bytes);
  try {
    return verifyExport(dir).exitCode;
  } finally {
    for (const path of changes.keys()) write(dir, path, files.get(path));
  }
}

function write(dir: string, path: string, bytes: Buffer | undefined): void {
  const file = join(dir, path);
  if (bytes === undefined) {
    rmSync(file);
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}

function flipped(bytes: Buffer, at: number, bits: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ bits;
  return copy;
}

test('in a small export the change of any single byte of evidence is noticed: every byte, with one bit flipped', () => {
  let changed = 0;
  for (const [path, bytes] of smallFiles) {
    // README and verifier are the same prose in every export; their digests are checked like all others (next test).
    if (path === 'README.md' || path === 'verify.mjs') continue;
    for (let at = 0; at < bytes.length; at += 1) {
      const exitCode = verifiedWith(small, smallFiles, new Map([[path, flipped(bytes, at, 1 << (at % 8))]]));
      if (exitCode !== 1)
        throw new Error(`byte ${at} of ${path} was changed, and the exit status was ${exitCode}`);
      changed += 1;
    }
  }
  expect(changed).toBeGreaterThan(3000);
});

test('any file of a small export that is deleted, emptied, doubled under another name or put in the place of another is noticed', () => {
  for (const [path, bytes] of smallFiles) {
    expect([path, verifiedWith(small, smallFiles, new Map([[path, undefined]]))]).toEqual([path, 1]);
    expect([path, verifiedWith(small, smallFiles, new Map([[path, Buffer.alloc(0)]]))]).toEqual([path, 1]);
    expect([path, verifiedWith(small, smallFiles, new Map([[path, Buffer.concat([bytes, bytes])]]))]).toEqual(
      [path, 1],
    );
    const twin = path.replace(/[^/]+$/, (name) => `copy-of-${name}`);
    expect([twin, verifiedWith(small, smallFiles, new Map([[twin, bytes]]))]).toEqual([twin, 1]);
    for (const [other, otherBytes] of smallFiles) {
      if (other === path) continue;
      const swap = new Map([
        [path, otherBytes],
        [other, bytes],
      ]);
      expect([path, other, verifiedWith(small, smallFiles, swap)]).toEqual([path, other, 1]);
    }
  }
});

type Mutation = {
  readonly kind: 'flip' | 'delete' | 'insert' | 'repeat' | 'remove' | 'swap';
  readonly at: number;
  readonly more: number;
};

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('flip', 'delete', 'insert', 'repeat', 'remove', 'swap'),
  at: fc.nat(),
  more: fc.nat(),
});

/** The files that `mutation` changes, with their new bytes; undefined when it would change nothing. */
function changesOf(files: Files, { kind, at, more }: Mutation): Map<string, Buffer | undefined> | undefined {
  const paths = [...files.keys()];
  const path = paths[more % paths.length]!;
  const bytes = files.get(path)!;
  const place = at % bytes.length;
  const [head, tail] = [bytes.subarray(0, place), bytes.subarray(place)];
  switch (kind) {
    case 'flip':
      return new Map([[path, flipped(bytes, place, 1 + (more % 255))]]);
    case 'delete':
      return new Map([[path, undefined]]);
    case 'insert':
      return new Map([[path, Buffer.concat([head, Buffer.from([more % 256]), tail])]]);
    case 'repeat':
      return new Map([[path, Buffer.concat([head, tail.subarray(0, 1 + (more % 64)), tail])]]);
    case 'remove':
      return new Map([[path, Buffer.concat([head, tail.subarray(1 + (more % 64))])]]);
    case 'swap': {
      const other = paths[at % paths.length]!;
      if (files.get(other)!.equals(bytes)) return undefined;
      return new Map([
        [path, files.get(other)],
        [other, bytes],
      ]);
    }
  }
}

test('in a larger export 1 500 random changes, deletions, insertions, repetitions and swaps are noticed', () => {
  let tried = 0;
  fc.assert(
    fc.property(mutation, (one) => {
      const changes = changesOf(largeFiles, one);
      if (changes === undefined) return;
      tried += 1;
      expect(verifiedWith(large, largeFiles, changes)).toBe(1);
    }),
    { numRuns: 1500 },
  );
  expect(tried).toBeGreaterThan(1200);
});

test('changes to evidence are noticed even when the list of checksums is made to agree', () => {
  const evidence: Files = new Map([...largeFiles].filter(([path]) => /^(statements|seals)\//.test(path)));
  fc.assert(
    fc.property(mutation, (one) => {
      const changes = changesOf(evidence, one);
      if (changes === undefined) return;
      const after: Files = new Map(largeFiles);
      for (const [path, bytes] of changes) {
        if (bytes === undefined) after.delete(path);
        else after.set(path, bytes);
      }
      expect(verifiedWith(large, largeFiles, new Map([...changes, ['SHA256SUMS', checksumsOf(after)]]))).toBe(
        1,
      );
    }),
    { numRuns: 500 },
  );
});
