import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endOrphan, forgetServer, rememberServer } from '../temporal/orphan.ts';
import { launchLeashed, signalGroup } from './leashed.ts';
import { logTail } from './log-tail.ts';
import { StartProblem } from './problem.ts';

export interface ChildSpec {
  /** Names its log and pid file, and stands in messages. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

export interface SuperviseOptions {
  /** Holds `logs/NAME.log` and `run/NAME.pid`. */
  readonly stateDir: string;
  /** Told in one sentence when the child died and is started again. */
  readonly onRestart: (sentence: string) => void;
  /** How long SIGTERM is given before SIGKILL. */
  readonly graceMs?: number;
  /** Deaths within {@link RESTART_WINDOW_MS} after which it is given up; default 5. */
  readonly patience?: number;
  /** Asked until it says true, after which the program counts as up. A death before that gives it up at once: starting again would not help. */
  readonly isUp?: (log: () => string) => boolean;
}

export interface Supervised {
  readonly name: string;
  readonly logFile: string;
  /** Of the process group that holds the program; changes with every restart. */
  readonly pid: () => number | undefined;
  /** Resolves when it is up for the first time. @throws StartProblem when it died before that. */
  readonly up: Promise<void>;
  /** Resolves with the reason when the child was given up. Never resolves after `stop`. */
  readonly gaveUp: Promise<StartProblem>;
  /** SIGTERM, and SIGKILL when that does not help. Resolves when nothing of it runs. */
  stop(): Promise<void>;
}

const RESTART_WINDOW_MS = 60_000;
const RESTART_AFTER_MS = 500;
const UP_EVERY_MS = 50;

/**
 * Keeps one program running: what dies is started again, what keeps dying is given up. A program that an earlier, killed run left
 * behind is ended first.
 * @throws Error when that earlier run is alive.
 */
export async function supervise(spec: ChildSpec, options: SuperviseOptions): Promise<Supervised> {
  const { stateDir, onRestart, graceMs = 8_000, patience = 5, isUp } = options;
  mkdirSync(join(stateDir, 'logs'), { recursive: true });
  mkdirSync(join(stateDir, 'run'), { recursive: true });
  const logFile = join(stateDir, 'logs', `${spec.name}.log`);
  const pidFile = join(stateDir, 'run', `${spec.name}.pid`);
  await endOrphan(pidFile, stateDir);

  let stopping = false;
  let current: { child: ChildProcess; ended: Promise<string> } | undefined;
  const deaths: number[] = [];
  let giveUp: (problem: StartProblem) => void = () => undefined;
  const gaveUp = new Promise<StartProblem>((resolve) => (giveUp = resolve));
  // Read through calls: both change while somebody waits.
  const isStopping = (): boolean => stopping;

  const logStart = existsSync(logFile) ? statSync(logFile).size : 0;
  const sinceStart = (): string => readFileSync(logFile).subarray(logStart).toString();
  let seenUp = isUp === undefined;
  const isReallyUp = (): boolean => seenUp;

  const launch = async (): Promise<void> => {
    const child = launchLeashed(spec.program, spec.args, { logFile, env: spec.env, cwd: spec.cwd });
    const ended = new Promise<string>((resolve) => {
      child.once('error', (err) => resolve(err.message));
      child.once('close', (code, signal) => resolve(howItEnded(code, signal)));
    });
    current = { child, ended };
    if (child.pid !== undefined) await rememberServer(pidFile, child.pid);
  };

  const watch = async (): Promise<void> => {
    while (!isStopping() && current !== undefined) {
      const how = await current.ended;
      if (isStopping()) return;
      // Whatever the program had started goes with it.
      if (current.child.pid !== undefined) signalGroup(current.child.pid, 'SIGKILL');
      deaths.push(Date.now());
      const recent = deaths.filter((at) => Date.now() - at < RESTART_WINDOW_MS).length;
      if (recent >= patience || !isReallyUp()) {
        const what = isReallyUp()
          ? `${spec.name} ended ${recent} times within a minute, last ${how}.`
          : `${spec.name} could not be started; it ended ${how}.`;
        giveUp(new StartProblem(`${what} Its log, ${logFile}, ends with:\n${logTail(logFile)}`));
        return;
      }
      await sleep(RESTART_AFTER_MS * recent);
      if (isStopping()) return;
      onRestart(`${spec.name} ended (${how}); it is started again`);
      await launch();
    }
  };

  await launch();
  const watching = watch();
  const up = waitUntilUp();

  async function waitUntilUp(): Promise<void> {
    const given = gaveUp.then((problem) => ({ problem }));
    while (!isReallyUp() && !isStopping()) {
      const first = await Promise.race([given, sleep(UP_EVERY_MS)]);
      if (first !== undefined) throw first.problem;
      seenUp = isUp?.(sinceStart) ?? true;
    }
  }
  up.catch(() => undefined); // whoever waits for it hears it; nobody has to

  return {
    name: spec.name,
    logFile,
    pid: () => current?.child.pid,
    up,
    gaveUp,
    async stop() {
      stopping = true;
      const last = current;
      if (last?.child.pid !== undefined) {
        signal(last.child.pid, 'SIGTERM');
        await Promise.race([last.ended, sleep(graceMs, undefined, { ref: false })]);
        signalGroup(last.child.pid, 'SIGKILL');
        await last.ended;
      }
      await watching;
      await forgetServer(pidFile);
    },
  };
}

/** To the leash alone: it hands the signal on once, while the group would hear it twice. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err; // it is gone already
  }
}

function howItEnded(code: number | null, signalName: NodeJS.Signals | null): string {
  if (signalName !== null) return `by ${signalName}`;
  if (code !== null && code > 128) return `by signal ${code - 128}`;
  return `with status ${code ?? 'unknown'}`;
}
