import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Connection } from '@temporalio/client';
import { startDevServer } from '../../scripts/temporal/dev-server.ts';
import { identityOf } from '../../scripts/temporal/process-identity.ts';
import { offered } from '../support/global-setup.ts';
import { devServer, timeSkippingEnvironment } from '../support/temporal.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
let stateDir: string;
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'lifeboat-dev-server-'));
});
afterEach(async () => {
  await rm(stateDir, { recursive: true, force: true });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 25));
}

test('the development server keeps its state over a restart and ends when it is told to', async () => {
  const first = await devServer({ stateDir, namespace: 'harbour' });
  const connection = await Connection.connect({ address: first.address });
  await connection.workflowService.updateNamespace({
    namespace: 'harbour',
    updateInfo: { description: 'kept' },
  });
  await connection.close();
  await first.stop();
  expect(identityOf(first.pid)).toBeNull();

  const second = await devServer({ stateDir, namespace: 'harbour' });
  const again = await Connection.connect({ address: second.address });
  const { namespaceInfo } = await again.workflowService.describeNamespace({ namespace: 'harbour' });
  await again.close();
  await second.stop();
  expect(namespaceInfo?.description).toBe('kept');
});

test('the development server keeps its state when it is killed', async () => {
  const first = await devServer({ stateDir, namespace: 'harbour' });
  await first.kill();
  expect(identityOf(first.pid)).toBeNull();
  const second = await devServer({ stateDir, namespace: 'default' });
  const connection = await Connection.connect({ address: second.address });
  const kept = await connection.workflowService.describeNamespace({ namespace: 'harbour' });
  await connection.close();
  await second.kill();
  expect(kept.namespaceInfo?.name).toBe('harbour');
});

test('a port in use is refused by name before anything is started', async () => {
  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const { port } = squatter.address() as AddressInfo;
  const executable = offered('LIFEBOAT_TEST_TEMPORAL');
  await expect(startDevServer({ stateDir, port, executable })).rejects.toThrow(
    new RegExp(`Port ${port} for Temporal cannot be used on 127.0.0.1: another program is using it`),
  );
  squatter.close();
});

test('a second start on the state of a living one is refused', async () => {
  const first = await devServer({ stateDir });
  await expect(devServer({ stateDir })).rejects.toThrow(/Another Lifeboat \(process \d+\) is running on/);
  await first.kill();
});

test('a program that ends at once is reported with the end of its log', async () => {
  const executable = join(stateDir, 'broken');
  await writeFile(executable, '#!/bin/sh\necho "no space left on device"\nexit 1\n', { mode: 0o755 });
  await expect(startDevServer({ stateDir, executable })).rejects.toThrow(
    /did not come up[^]*no space left on device/,
  );
});

test('a parent that is killed takes the development server with it', async () => {
  const parent = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', '--input-type=module', '-e'],
      `import { startDevServer } from './scripts/temporal/dev-server.ts';
       const { pid } = await startDevServer(${JSON.stringify({ stateDir, executable: offered('LIFEBOAT_TEST_TEMPORAL') })});
       console.log(pid); setInterval(() => {}, 1000);`,
    ],
    { cwd: PROJECT, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [said] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(said.toString());
  const identity = identityOf(pid);
  expect(identity).not.toBeNull();
  parent.kill('SIGKILL');
  await until(() => identityOf(pid) !== identity);
});

test('a server whose owner is gone is ended by the next start', async () => {
  const orphan = await devServer({ stateDir });
  const pidFile = join(stateDir, 'temporal.pid');
  const remembered = JSON.parse(await readFile(pidFile, 'utf8')) as { server: string };
  await writeFile(pidFile, JSON.stringify({ ...remembered, owner: `${process.pid}@an-earlier-process` }));
  const next = await devServer({ stateDir });
  await orphan.ended;
  expect(identityOf(orphan.pid)).toBeNull();
  await next.kill();
});

test('the time-skipping server answers', async () => {
  const environment = await timeSkippingEnvironment();
  expect(environment.supportsTimeSkipping).toBe(true);
  await environment.teardown();
});
