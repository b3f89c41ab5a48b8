import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommanderError } from 'commander';
import { temporalSettings } from '../worker/temporal-connection.ts';
import { CouldNot, EXIT, type ExitStatus } from './exit-status.ts';
import { loadPolicy } from './policy-file.ts';
import { createProgram, type GlobalOptions } from './program.ts';
import { report } from './report-error.ts';
import { createTerminal } from './terminal.ts';
import type { World } from './world.ts';

const { env, stdout, stderr } = process;
// The SDK is pinned; what later versions will need is no news for whoever runs a command.
env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

function makeWorld({ policy, json = false, color }: GlobalOptions): World {
  const wantsColor = color && (env.NO_COLOR ?? '') === '' && stdout.isTTY && env.TERM !== 'dumb';
  const terminal = createTerminal({ stdout, stderr, json, color: wantsColor });
  return {
    env,
    terminal,
    now: () => new Date(),
    sleep: (ms) => sleep(ms),
    policy: () => loadPolicy(policy ?? env.LIFEBOAT_POLICY ?? 'lifeboat.yaml', (text) => terminal.warn(text)),
    connect: async () => {
      const { connectControlPlane } = await import('./temporal-control-plane.ts');
      return connectControlPlane(temporalSettings(env));
    },
    onInterrupt: (handler) => {
      process.once('SIGINT', handler);
      return () => void process.removeListener('SIGINT', handler);
    },
    user: env.LIFEBOAT_USER ?? userInfo().username,
  };
}

async function main(): Promise<ExitStatus> {
  let status: ExitStatus = EXIT.couldNot;
  const program = createProgram(makeWorld, (verb) => (status = verb));
  // commander ends the process itself otherwise, with 1 for a mistyped option; that is "could not do it" here.
  const quiet = (command: typeof program): void => {
    command.exitOverride();
    for (const sub of command.commands) quiet(sub);
  };
  quiet(program);
  try {
    await program.parseAsync();
    return status;
  } catch (err) {
    if (err instanceof CommanderError) return err.exitCode === 0 ? EXIT.ok : EXIT.couldNot;
    return report(err, {
      json: process.argv.includes('--json'),
      debug: env.LIFEBOAT_DEBUG === '1',
      stdout,
      stderr,
    });
  }
}

// A reader that goes away (`lifeboat status | head -1`) is no error of ours.
stdout.on('error', (err: NodeJS.ErrnoException) => {
  if (err.code === 'EPIPE') process.exit(EXIT.ok);
  throw new CouldNot(`Standard output cannot be written: ${err.message}`);
});
process.exitCode = await main();
