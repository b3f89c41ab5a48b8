import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import { flipped } from './evidence-damage.ts';
import { exportOf, goodNight, newSigner, readFiles } from './evidence-export.ts';
import type { Files } from './evidence-export.ts';

const signer = newSigner();
let small = '';
let smallFiles: Files;

beforeAll(async () => {
  small = await exportOf([goodNight(0, [signer])]);
  smallFiles = readFiles(small);
  expect(verifyExport(small).exitCode).toBe(0);
});

afterAll(() => {
  rmSync(small, { recursive: true });
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
