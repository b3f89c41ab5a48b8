import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { CouldNot } from '../cli/exit-status.ts';
import { loadPolicy } from '../cli/policy-file.ts';
import { createTerminal } from '../cli/terminal.ts';
import { howLong } from '../domain/words.ts';
import { endLeftovers, refuseTakenPorts } from './start/beforehand.ts';
import { readOptions, type StartOptions } from './start/options.ts';
import { StartProblem } from './start/problem.ts';
import { PROJECT } from './start/programs.ts';
import { chooseStateFolder, prepareStateFolder } from './start/state-folder.ts';

/** What can be refused is refused before anything is loaded or started. */
async function main(options: StartOptions, interrupted: AbortSignal): Promise<number> {
  const began = new Date();
  const { stdout, stderr, env } = process;
  const color = options.color && stdout.isTTY && (env['NO_COLOR'] ?? '') === '';
  const terminal = createTerminal({ stdout, stderr, json: false, color });
  const tell = (sentence: string): void => {
    const since = howLong((Date.now() - began.getTime()) / 1000).padStart(7);
    terminal.say(`${terminal.paint('dim', `[${since}]`)} ${sentence}`);
  };
  const isRoot = process.getuid?.() === 0;
  const state = chooseStateFolder({ asked: options.state, project: PROJECT, isRoot });
  prepareStateFolder(state.path, { open: isRoot });
  tell(`state is kept in ${state.path}${state.why === '' ? '' : ` (${state.why})`}`);
  // A policy that somebody has changed since an earlier start.
  const policyFile = join(state.path, 'lifeboat.yaml');
  if (existsSync(policyFile)) loadPolicy(policyFile, (text) => terminal.warn(text));
  await endLeftovers(state.path);
  const { awsPort: aws, adminPort: admin, temporalPort: temporal, uiPort: ui } = options;
  const ports = { aws, admin, temporal, ui };
  await refuseTakenPorts(ports, env);

  const { run } = await import('./start/run.ts');
  return run({ options, stateDir: state.path, ports, terminal, tell, began, interrupted });
}

/** Expected refusals are one message; only what nobody expected shows where it happened, and only when asked to. */
function explain(err: unknown): string {
  if (err instanceof StartProblem) return err.message;
  if (err instanceof CouldNot) return err.action === '' ? err.message : `${err.message}\n${err.action}`;
  if (process.env['LIFEBOAT_DEBUG'] === '1' && err instanceof Error) return err.stack ?? err.message;
  return `Something unexpected happened: ${err instanceof Error ? err.message : String(err)}\nLIFEBOAT_DEBUG=1 shows where.`;
}

// The SDK is pinned; what later versions will need is no news for whoever starts this one.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

/** npm and the terminal may both hand on one Ctrl-C; only one that comes later is a second one. */
const SECOND_AFTER_MS = 1_500;

const interrupt = new AbortController();
let interruptedAt = 0;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (interruptedAt === 0) {
      interruptedAt = Date.now();
      process.stderr.write(`\n${signal}: ending everything; once more ends it at once\n`);
      interrupt.abort();
    } else if (Date.now() - interruptedAt > SECOND_AFTER_MS) process.exit(130); // the leashes end the rest
  });

try {
  const options = readOptions(process.argv.slice(2));
  process.exitCode = await main(options, interrupt.signal);
} catch (err) {
  if (err instanceof CommanderError) process.exitCode = err.exitCode === 0 ? 0 : 2;
  else if (interrupt.signal.aborted) process.exitCode = 130;
  else {
    process.stderr.write(`${explain(err)}\n`);
    process.exitCode = 2;
  }
}
// Sockets of the SDK's clients may linger; everything that matters has been ended above.
process.exit();
