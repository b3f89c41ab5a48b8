import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startLocalAws } from '../index.ts';
import { written } from './written.ts';

/** Writes the tables of operations and failure modes into the README: `npx tsx local-aws/src/readme/write.ts`. */
const README = fileURLToPath(new URL('../../README.md', import.meta.url));

const stateDir = mkdtempSync(join(tmpdir(), 'local-aws-readme-'));
chmodSync(stateDir, 0o711);
try {
  const aws = await startLocalAws({ stateDir, port: 0, adminPort: 0, accounts: [] });
  writeFileSync(README, written(readFileSync(README, 'utf8'), await aws.operations()));
  await aws.close();
} finally {
  rmSync(stateDir, { recursive: true, force: true });
}
