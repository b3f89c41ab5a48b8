import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommanderError } from 'commander';
import { CouldNot } from '../cli/exit-status.ts';
import { loadPolicy } from '../cli/policy-file.ts';
import { applySchedules } from '../cli/schedules.ts';
import { createTerminal, painted, type Terminal } from '../cli/terminal.ts';
import { connectControlPlane } from '../cli/temporal-control-plane.ts';
import { howLong, some } from '../cli/words.ts';
import { readEvidence } from './start/evidence.ts';
import { startHouse, type House } from './start/house.ts';
import { runNight } from './start/nights.ts';
import { readOptions, type StartOptions } from './start/options.ts';
import { StartProblem } from './start/problem.ts';
import { PROJECT } from './start/programs.ts';
import { chooseStateFolder, prepareStateFolder } from './start/state-folder.ts';
import { summaryLines } from './start/summary.ts';

/** Somebody pressed Ctrl-C: everything is ended, state is kept. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

async function main(options: StartOptions, terminal: Terminal, interrupted: AbortSignal): Promise<number> {
  const began = Date.now();
  const tell = (sentence: string): void =>
    terminal.say(
      `${terminal.paint('dim', `[${howLong((Date.now() - began) / 1000).padStart(7)}]`)} ${sentence}`,
    );
  const isRoot = process.getuid?.() === 0;
  const state = chooseStateFolder({ asked: options.state, project: PROJECT, isRoot });
  prepareStateFolder(state.path, { open: isRoot });
  tell(`state is kept in ${state.path}${state.why === '' ? '' : ` (${state.why})`}`);

  // A policy of an earlier start that somebody has changed since is read before anything is started.
  const policyFile = join(state.path, 'lifeboat.yaml');
  if (existsSync(policyFile)) loadPolicy(policyFile, (text) => terminal.warn(text));

  const { awsPort: aws, adminPort: admin, temporalPort: temporal, uiPort: ui, writer } = options;
  const env = { ...process.env };
  const house = await startHouse({
    stateDir: state.path,
    ports: { aws, admin, temporal, ui },
    ...{ writer, env, tell, signal: interrupted },
  });
  try {
    return await Promise.race([
      nightIn(house, options, terminal, tell, began, interrupted),
      asError(house.trouble),
      whenAborted(interrupted),
    ]);
  } finally {
    tell('ending everything; state is kept');
    await house.stop();
  }
}

async function nightIn(
  house: House,
  options: StartOptions,
  terminal: Terminal,
  tell: (sentence: string) => void,
  began: number,
  interrupted: AbortSignal,
): Promise<number> {
  const { zone, aws } = house;
  // From here on this process reads evidence itself, as the worker's role of the AWS on this computer; never with a developer's own.
  for (const name of Object.keys(process.env))
    if (name.startsWith('AWS_') && !name.startsWith('AWS_SDK_')) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, zone.environments.worker);

  const loaded = loadPolicy(zone.policyFile, (text) => terminal.warn(text));
  const plane = await connectControlPlane(house.temporal.settings);
  try {
    for (const { schedule, change } of await applySchedules(plane, loaded))
      tell(`schedule ${schedule} ${change}`);
    tell(`the night begins${house.written() === null ? '' : ' while orders keep coming in'}`);
    const damage =
      options.damage === undefined ? undefined : { kind: options.damage, adminEndpoint: aws.adminEndpoint };
    const world = {
      terminal,
      sleep: (ms: number) => sleep(ms),
      now: () => new Date(),
      since: new Date(began),
      onInterrupt: (handler: () => void) => {
        interrupted.addEventListener('abort', handler, { once: true });
        return () => interrupted.removeEventListener('abort', handler);
      },
      tell,
      trouble: asError(house.trouble),
    };
    const { night, protectedBy } = await runNight(plane, loaded, world, damage);
    const evidence = await readEvidence(loaded.policy, night, protectedBy);
    for (const line of summaryLines(terminal, loaded.policy, night, evidence)) terminal.say(line);
    const written = house.written();
    terminal.say(
      `\nAll of it took ${howLong((Date.now() - began) / 1000)}` +
        (written === null ? '.' : `; the shop did ${some(written, 'transaction')} meanwhile.`),
    );
    const status = night.verdict === 'passed' ? 0 : 1;
    for (const line of whereNext(terminal, house)) terminal.say(line);
    if (options.once) return status;
    terminal.say(`\nEverything stays up until Ctrl-C. This night ${painted(terminal, night.verdict)}.`);
    return await whenAborted(interrupted);
  } finally {
    await plane.close();
  }
}

function whereNext(terminal: Terminal, { temporal, envFile, aws }: House): string[] {
  return [
    '',
    terminal.paint('bold', 'Where to look next'),
    ...(temporal.uiUrl === null ? [] : [`  every step of every run: ${temporal.uiUrl}`]),
    `  from another terminal:   . ${envFile}`,
    '                           npx lifeboat status',
    '                           npx lifeboat report drill orders',
    '                           npx lifeboat evidence export --out /tmp/evidence && npx lifeboat evidence verify /tmp/evidence',
    `                           npx lifeboat restore request orders --reason 'to look around' --keep 1h`,
    `  91 days later:           npx lifeboat-local-aws advance 91d --admin ${aws.adminEndpoint} && npx lifeboat night`,
  ];
}

async function asError(trouble: Promise<StartProblem>): Promise<never> {
  throw await trouble;
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(new Interrupted());
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
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

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (!interrupt.signal.aborted) process.stderr.write(`\n${signal}: ending everything\n`);
    interrupt.abort();
  });

try {
  const options = readOptions(process.argv.slice(2));
  const { stdout, stderr, env } = process;
  const color = options.color && stdout.isTTY && (env['NO_COLOR'] ?? '') === '';
  const terminal = createTerminal({ stdout, stderr, json: false, color });
  process.exitCode = await main(options, terminal, interrupt.signal);
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
