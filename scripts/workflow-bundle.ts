import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const ENTRY = join(PROJECT, 'workflows', 'index.ts');
const CACHE = join(PROJECT, 'node_modules', '.cache', 'lifeboat-workflows');

/** @returns the path of the bundle of the workflows as they are now. Bundling takes over a second, so an unchanged one is used again. */
export async function cachedWorkflowBundle(): Promise<string> {
  if (!existsSync(ENTRY)) throw new Error(`There are no workflows to bundle yet: ${ENTRY} does not exist.`);
  const path = join(CACHE, `${await digestOfSources()}.js`);
  if (existsSync(path)) return path;
  const { code } = await bundleWorkflowCode({ workflowsPath: ENTRY });
  await mkdir(CACHE, { recursive: true });
  await writeFile(`${path}.${process.pid}`, code);
  await rename(`${path}.${process.pid}`, path);
  return path;
}

/** Workflows may import their own folder, domain/ and the SDK (lint enforces it), so these decide what is in the bundle. */
async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of ['workflows', 'domain']) {
    const files = await readdir(join(PROJECT, folder), { recursive: true });
    for (const file of files.filter((name) => name.endsWith('.ts')).sort()) {
      hash.update(`${folder}/${file}\0`).update(await readFile(join(PROJECT, folder, file)));
    }
  }
  hash.update(await readFile(join(PROJECT, 'package-lock.json')));
  return hash.digest('hex').slice(0, 24);
}
