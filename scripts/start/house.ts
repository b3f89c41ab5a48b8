import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LandingZone, prepareLandingZone } from '../landing-zone/index.ts';
import { startWriter, type Writer } from '../sample/writer.ts';
import { isTemporalGiven, type Ports } from './beforehand.ts';
import { writeEnvFile } from './env-file.ts';
import { startLocalAws, type LocalAwsFacts } from './local-aws.ts';
import { StartProblem } from './problem.ts';
import { PROJECT, typescript } from './programs.ts';
import { startTemporal, type TemporalProgram } from './temporal.ts';
import { startWorkers } from './workers.ts';

/** Everything that `npm start` runs, and how to end it. */
export interface House {
  readonly aws: LocalAwsFacts;
  readonly temporal: TemporalProgram;
  readonly zone: LandingZone;
  /** To be sourced by other terminals. */
  readonly envFile: string;
  /** Transactions that the writer has done so far; null without a writer. */
  readonly written: () => number | null;
  /** Resolves when something that the house cannot do without was given up. */
  readonly trouble: Promise<StartProblem>;
  stop(): Promise<void>;
}

export interface HouseOptions {
  readonly stateDir: string;
  readonly ports: Ports;
  readonly writer: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** One sentence about what is done or happens. */
  readonly tell: (sentence: string) => void;
  /** Already aborted or aborted later: nothing more is started. */
  readonly signal: AbortSignal;
}

/**
 * Starts everything, as much at once as can be; when something cannot be started, what was started is ended before it throws.
 * @throws StartProblem
 */
export async function startHouse(options: HouseOptions): Promise<House> {
  const { stateDir, ports, tell, env, signal } = options;
  const stops: (() => Promise<void>)[] = [];
  let ending = Promise.resolve();
  // Newest first: workers before Temporal and AWS, the writer before its database. What registers late is ended by the next call.
  const drain = async (): Promise<void> => {
    for (let end = stops.pop(); end !== undefined; end = stops.pop()) await end();
  };
  const stop = (): Promise<void> => (ending = ending.then(drain));
  const interrupted = (): void => void stop();
  signal.addEventListener('abort', interrupted, { once: true });
  const register = <T>(thing: T, end: (thing: T) => Promise<void>): T => {
    stops.push(() => end(thing));
    return thing;
  };
  try {
    // A Temporal of somebody else is asked before anything is started: it may be down for good.
    const theirs = isTemporalGiven(env)
      ? await startTemporal({ stateDir, port: 0, uiPort: 0, env, onRestart: tell })
      : null;
    // The SDK's seven clients take a while to load: the programs start meanwhile.
    const landingZone = import('../landing-zone/index.ts');
    const bundling = bundleWorkflows(stateDir);
    bundling.catch(() => undefined); // heard below, after what may fail first
    const [aws, temporal] = await both(
      startLocalAws({ stateDir, port: ports.aws, adminPort: ports.admin, onRestart: tell }).then(
        async (program) => {
          register(program.child, (child) => child.stop());
          await program.child.up;
          return program;
        },
      ),
      theirs ??
        startTemporal({ stateDir, port: ports.temporal, uiPort: ports.ui, env, onRestart: tell }).then(
          (program) => register(program, (it) => it.stop()),
        ),
    );
    signal.throwIfAborted();
    const facts = aws.facts();
    tell(`AWS answers at ${facts.endpoint}, Temporal at ${temporal.settings.address}`);
    const zone = await prepare(facts, stateDir, landingZone);
    tell(
      `three accounts are ready; the database "orders" holds ${zone.rows.toLocaleString('en')} rows` +
        (zone.loadedNow ? '' : ' (kept from before)'),
    );
    const ahead = await daysAhead(facts.adminEndpoint);
    if (ahead > 0)
      tell(
        `the clock of this AWS is ${ahead} days ahead of this computer's, since vault locks had to become immutable first`,
      );
    if (!zone.fenced)
      tell(
        'this computer has one loopback address only: networks are NOT kept apart, and no drill can prove that they are',
      );
    signal.throwIfAborted();

    const progress = { transactions: 0 };
    let writer: Writer | null = null;
    if (options.writer) {
      writer = await startWriter({
        connection: zone.sample,
        clockEndpoint: facts.adminEndpoint,
        onProgress: ({ transactions }) => (progress.transactions = transactions),
      });
      register(writer, (it) => it.stop());
    }
    const workers = await startWorkers({
      stateDir,
      environments: zone.environments,
      temporal: temporal.env,
      workflowBundle: await bundling,
      onRestart: tell,
    });
    register(workers, (them) => Promise.all(them.map((worker) => worker.stop())).then(() => undefined));
    const envFile = join(stateDir, 'lifeboat.env');
    writeEnvFile(envFile, {
      ...zone.environments.worker,
      ...temporal.env,
      LIFEBOAT_POLICY: zone.policyFile,
      LIFEBOAT_LOCAL_AWS_ADMIN: facts.adminEndpoint,
    });
    await Promise.all(workers.map((worker) => worker.up));
    tell('control plane and both probers are up');

    const trouble = Promise.race([
      aws.child.gaveUp,
      ...workers.map((worker) => worker.gaveUp),
      temporal.gaveUp,
    ]);
    return {
      aws: facts,
      temporal,
      zone,
      envFile,
      written: () => (writer === null ? null : progress.transactions),
      trouble,
      stop,
    };
  } catch (err) {
    await stop();
    throw err;
  } finally {
    signal.removeEventListener('abort', interrupted);
  }
}

/** Both, or the failure of the first that fails, but only after the other has settled: what it started must be known to be ended. */
async function both<A, B>(a: Promise<A>, b: B | Promise<B>): Promise<[A, B]> {
  const [first, second] = await Promise.allSettled([a, b]);
  if (first.status === 'rejected') throw first.reason as Error;
  if (second.status === 'rejected') throw second.reason as Error;
  return [first.value, second.value];
}

async function prepare(
  facts: LocalAwsFacts,
  stateDir: string,
  landingZone: Promise<{ readonly prepareLandingZone: typeof prepareLandingZone }>,
): Promise<LandingZone> {
  try {
    const zone = await landingZone;
    return await zone.prepareLandingZone({ ...facts, stateDir });
  } catch (err) {
    if (err instanceof StartProblem) throw err;
    throw new StartProblem(
      `The accounts on this computer could not be prepared: ${(err as Error).message}\n` +
        `The log of the AWS on this computer is ${join(stateDir, 'logs', 'local-aws.log')}.`,
    );
  }
}

async function daysAhead(adminEndpoint: string): Promise<number> {
  const answer = await fetch(new URL('/clock', adminEndpoint), { signal: AbortSignal.timeout(5_000) });
  const { offsetSeconds } = (await answer.json()) as { offsetSeconds: number };
  return Math.round(offsetSeconds / 86_400);
}

async function bundleWorkflows(stateDir: string): Promise<string> {
  const target = join(stateDir, 'workflow-bundle.js');
  // In a process of its own: bundling would keep this one from doing anything else for a second.
  try {
    await promisify(execFile)(process.execPath, typescript('scripts/bundle-workflows.ts', target), {
      cwd: PROJECT,
    });
  } catch (err) {
    const said = (err as { stderr?: string }).stderr ?? (err as Error).message;
    throw new StartProblem(`The workflows could not be bundled:\n${said}`);
  }
  return target;
}
