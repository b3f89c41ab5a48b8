import { setTimeout as sleep } from 'node:timers/promises';
import { loadPolicy } from '../../cli/policy-file.ts';
import { retentionOf } from '../../cli/runs.ts';
import { applyPolicy } from '../../cli/apply-policy.ts';
import { painted, type Terminal } from '../../cli/terminal.ts';
import { connectControlPlane } from '../../cli/temporal-control-plane.ts';
import { howLong, some } from '../../domain/words.ts';
import type { Ports } from './beforehand.ts';
import { startHouse, type House } from './house.ts';
import { runNight } from './nights.ts';
import type { StartOptions } from './options.ts';
import type { StartProblem } from './problem.ts';
import { summaryLines } from './summary.ts';

/** Somebody pressed Ctrl-C: everything is ended, state is kept. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

export interface Start {
  readonly options: StartOptions;
  readonly stateDir: string;
  readonly ports: Ports;
  readonly terminal: Terminal;
  readonly tell: (sentence: string) => void;
  readonly began: Date;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
}

/**
 * Starts everything, runs a night, says what happened, and stays up until Ctrl-C unless only one night was asked for.
 * @returns 0 when every verdict passed, else 1. @throws StartProblem, CouldNot, or the reason of `interrupted`.
 */
export async function run(start: Start): Promise<number> {
  const { options, stateDir, ports, tell, interrupted } = start;
  const env = { ...process.env };
  const house = await startHouse({ stateDir, ports, writer: options.writer, env, tell, signal: interrupted });
  try {
    return await Promise.race([nightIn(house, start), asError(house.trouble), whenAborted(interrupted)]);
  } finally {
    tell('ending everything; state is kept');
    await house.stop();
  }
}

async function nightIn(
  house: House,
  { options, terminal, tell, began, interrupted }: Start,
): Promise<number> {
  const { zone, aws } = house;
  // From here on this process reads evidence itself, as the worker's role of the AWS on this computer; never with a developer's own.
  for (const name of Object.keys(process.env))
    if (name.startsWith('AWS_') && !name.startsWith('AWS_SDK_')) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, zone.environments.worker);

  const loaded = loadPolicy(zone.policyFile, (text) => terminal.warn(text));
  const plane = await connectControlPlane(house.temporal.settings);
  try {
    const applied = await applyPolicy(plane, loaded, { by: 'npm start', now: new Date() });
    for (const { schedule, change } of applied.schedules) tell(`schedule ${schedule} ${change}`);
    tell(`the night begins${house.written() === null ? '' : ' while orders keep coming in'}`);
    const damage =
      options.damage === undefined ? undefined : { kind: options.damage, adminEndpoint: aws.adminEndpoint };
    const world = {
      terminal,
      sleep: (ms: number) => sleep(ms),
      now: () => new Date(),
      since: began,
      onInterrupt: (handler: () => void) => {
        interrupted.addEventListener('abort', handler, { once: true });
        return () => interrupted.removeEventListener('abort', handler);
      },
      tell,
      trouble: asError(house.trouble),
    };
    const { night, protectedBy } = await runNight(plane, loaded, world, damage);
    const { readEvidence } = await import('./evidence.ts');
    const evidence = await readEvidence(
      loaded.policy,
      night,
      await retentionOf(plane, loaded.policy.name, night.slot),
      protectedBy,
    );
    for (const line of summaryLines(terminal, loaded.policy, night, evidence)) terminal.say(line);
    const written = house.written();
    terminal.say(
      `\nAll of it took ${howLong((Date.now() - began.getTime()) / 1000)}` +
        (written === null ? '.' : `; the shop did ${some(written, 'transaction')} meanwhile.`),
    );
    const status = night.verdict === 'passed' ? 0 : 1;
    if (options.once) {
      terminal.say('`npm start` without --once goes on with this state, runs the next night and stays up.');
      return status;
    }
    for (const line of whereNext(terminal, house)) terminal.say(line);
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
