import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bundleVerifier } from '../../scripts/write-verifier.ts';
import { exportOf, goodNight, newSigner } from './evidence-export.ts';

const signer = newSigner();
let dir = '';

beforeAll(async () => {
  dir = await exportOf([goodNight(0, [signer]), goodNight(1, [signer])]);
});

afterAll(() => rmSync(dir, { recursive: true }));

function run(...args: readonly string[]) {
  return spawnSync(process.execPath, [join(dir, 'verify.mjs'), ...args], { encoding: 'utf8', env: {} });
}

test('the verifier in one file is made from the modules that the product verifies with, and is up to date', async () => {
  const file = readFileSync(new URL('../../evidence/verify.mjs', import.meta.url), 'utf8');
  expect(file === (await bundleVerifier()) ? 'up to date' : 'run: npx tsx scripts/write-verifier.ts').toBe(
    'up to date',
  );
});

test('the verifier in one file needs nothing but Node', () => {
  const file = readFileSync(new URL('../../evidence/verify.mjs', import.meta.url), 'utf8');
  const imports = [...file.matchAll(/^import .* from '(.*)';$/gm)].map(([, from]) => from);
  expect(imports).toEqual(['node:crypto', 'node:fs', 'node:path', 'node:url', 'node:util']);
  expect(file).not.toMatch(/\bimport\(|\brequire\(/);
});

test('the verifier that lies in an export verifies it with the key that lies beside, and says so', () => {
  const { status, stdout, stderr } = run();
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^VERIFIED\n/);
  expect(stdout).toContain('The key itself was not checked');
  const keyFile = join('keys', `${signer.key.keyid.replace('sha256:', '')}.pem`);
  const withKey = run(dir, '--key', join(dir, keyFile), '--json');
  expect(withKey.status).toBe(0);
  expect(JSON.parse(withKey.stdout)).toMatchObject({ verdict: 'verified', key: { checked: true } });
});

test('its exit status is 1 for an export that does not hold and 2 for one that it could not check', () => {
  expect(run('/nonexistent').status).toBe(2);
  expect(run('--nonsense')).toMatchObject({ status: 2, stdout: '' });
  const file = join(dir, 'export.json');
  const before = readFileSync(file);
  writeFileSync(file, '{}');
  const { status, stdout } = run();
  writeFileSync(file, before);
  expect(status).toBe(1);
  expect(stdout).toMatch(/^NOT VERIFIED\n/);
  expect(stdout).toContain('✗ export.json');
});
