import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { temporalSettings } from '../worker/temporal-connection.ts';

/**
 * `tsx scripts/record-histories.ts LABEL`: saves the newest finished run of every workflow type as a history that later code must
 * replay. Old histories stay; run it when a workflow has a new shape, and commit what it writes.
 */
const TYPES = [
  'nightlyRun',
  'protectResource',
  'restoreDrill',
  'restoreRequest',
  'retentionPass',
  'sweepOrphans',
];

const [label] = process.argv.slice(2);
if (label === undefined || !/^[a-z0-9-]+$/.test(label)) {
  process.stderr.write(
    'Say under which label to save: tsx scripts/record-histories.ts 2026-11-first-night\n',
  );
  process.exitCode = 2;
} else {
  const { namespace, connection: options } = temporalSettings(process.env);
  const connection = await Connection.connect(options);
  const client = new Client({ connection, namespace });
  const folder = fileURLToPath(new URL('../test/replay/histories/', import.meta.url));
  await mkdir(folder, { recursive: true });
  for (const type of TYPES) {
    const finished = client.workflow.list({
      query: `WorkflowType = '${type}' AND ExecutionStatus = 'Completed'`,
    });
    let saved = false;
    for await (const { workflowId, runId } of finished) {
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      await writeFile(`${folder}${label}.${type}.json`, `${historyToJSON(history)}\n`);
      process.stdout.write(`${label}.${type}.json: ${workflowId}, ${history.events?.length ?? 0} events\n`);
      saved = true;
      break;
    }
    if (!saved) process.stdout.write(`${type}: no finished run\n`);
  }
  await connection.close();
}
