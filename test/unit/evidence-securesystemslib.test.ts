import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { signerInMemory } from '../../evidence/signer.ts';
import { exportOf, goodNight, newSigner, readFiles } from './evidence-export.ts';

// An implementation of DSSE that has nothing to do with ours: Python's securesystemslib, in an environment of its own in the cache folder.
const ENVIRONMENT = join(homedir(), '.cache', 'lifeboat', 'securesystemslib-1.6.0');
const python = join(ENVIRONMENT, 'bin', 'python');
const [, script] = /```python\n([^]*?)```/.exec(
  readFileSync(new URL('../../docs/evidence.md', import.meta.url), 'utf8'),
)!;

/** Undefined when it is there; otherwise why it cannot be. */
function whyNotInstalled(): string | undefined {
  if (existsSync(join(ENVIRONMENT, 'installed'))) return undefined;
  try {
    mkdirSync(ENVIRONMENT, { recursive: true });
    execFileSync('python3', ['-m', 'venv', ENVIRONMENT], { stdio: 'pipe', timeout: 60_000 });
    const packages = ['securesystemslib[crypto]==1.6.0'];
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages], {
      stdio: 'pipe',
      timeout: 120_000,
    });
    writeFileSync(join(ENVIRONMENT, 'installed'), '');
    return undefined;
  } catch (error) {
    rmSync(ENVIRONMENT, { recursive: true, force: true });
    return (error as Error).message;
  }
}

const missing = whyNotInstalled();
if (missing !== undefined)
  process.stderr.write(
    `SKIPPED: securesystemslib cannot be installed here, so DSSE was checked by our own code only: ${missing}\n`,
  );

const run = (dir: string) => spawnSync(python, ['-c', script!], { cwd: dir, encoding: 'utf8' });

(missing === undefined ? test : test.skip).each([
  ['ECDSA P-256', newSigner()],
  ['Ed25519', signerInMemory(generateKeyPairSync('ed25519').privateKey)],
])(
  'the script of docs/evidence.md has securesystemslib accept every envelope signed with %s, and refuse one that was changed',
  async (_algorithm, signer) => {
    const dir = await exportOf([goodNight(0, [signer])]);
    try {
      const good = run(dir);
      expect([good.status, good.stderr]).toEqual([0, '']);
      expect(good.stdout).toBe('3 envelopes hold\n');
      const [path, bytes] = [...readFiles(dir)].find(([name]) => name.endsWith('drill.json'))!;
      const envelope = JSON.parse(bytes.toString()) as { payload: string };
      const payload = Buffer.from(envelope.payload, 'base64').toString().replace('passed', 'failed');
      const changed = { ...envelope, payload: Buffer.from(payload).toString('base64') };
      writeFileSync(join(dir, path), JSON.stringify(changed));
      const bad = run(dir);
      expect(bad.status).not.toBe(0);
      expect(bad.stderr).toContain('VerificationError');
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
);
