// Started by sdk-download.ts: makes the SDK download a server into a folder, by starting that server once.
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [program, downloadDir] = process.argv.slice(2);
if (downloadDir === undefined) throw new Error('usage: sdk-download-main.ts dev-server|test-server FOLDER');
const options = { server: { executable: { type: 'cached-download', downloadDir } } } as const;
try {
  const environment =
    program === 'test-server'
      ? await TestWorkflowEnvironment.createTimeSkipping(options)
      : await TestWorkflowEnvironment.createLocal(options);
  await environment.teardown();
} catch (err) {
  // The last line is what the caller repeats; the SDK says the same thing three times over.
  console.error(
    err instanceof Error ? (err.message.split(': error sending')[0] ?? err.message) : String(err),
  );
  process.exitCode = 1;
}
