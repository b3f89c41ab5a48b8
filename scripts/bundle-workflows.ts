import { copyFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { cachedWorkflowBundle } from './workflow-bundle.ts';

/** `tsx scripts/bundle-workflows.ts FILE`: writes the workflows' code, bundled, for `WORKFLOW_BUNDLE` of the control plane. */
const [target] = process.argv.slice(2);
if (target === undefined) {
  process.stderr.write('Say where to write the bundle: tsx scripts/bundle-workflows.ts FILE\n');
  process.exitCode = 2;
} else {
  await mkdir(dirname(target), { recursive: true });
  await copyFile(await cachedWorkflowBundle(), target);
  process.stdout.write(`${target}\n`);
}
