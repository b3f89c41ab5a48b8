import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import { exportOf, goodNight, newSigner } from './evidence-export.ts';

const page = readFileSync(new URL('../../docs/evidence.md', import.meta.url), 'utf8');

test('the worked example of docs/evidence.md verifies an export with openssl and prints what the page says', async () => {
  const [, script, expected] =
    /<!-- worked example[^]*?```sh\n([^]*?)```[^]*?It prints:\s+```\n([^]*?)```/.exec(page) ?? [];
  const signer = newSigner();
  const dir = await exportOf([goodNight(0, [signer]), goodNight(1, [signer])]);
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script!], { cwd: dir, encoding: 'utf8' });
  expect([stderr, status]).toEqual(['', 0]);
  expect(stdout).toBe(expected);
  expect(verifyExport(dir).exitCode).toBe(0);
  rmSync(dir, { recursive: true });
});

test('docs/evidence.md explains every kind of finding', () => {
  const source = readFileSync(new URL('../../evidence/verifier/report.ts', import.meta.url), 'utf8');
  const [, union] = /export type FindingCode =([^;]*);/.exec(source) ?? [];
  const codes = [...union!.matchAll(/\| '([a-z-]+)'/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(10);
  expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});
