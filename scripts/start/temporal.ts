import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectControlPlane } from '../../cli/temporal-control-plane.ts';
import { DevServerProblem, startDevServer, type DevServer } from '../temporal/dev-server.ts';
import { TemporalNotFound } from '../temporal/resolve.ts';
import {
  temporalSettings,
  TemporalSettingsWrong,
  type TemporalSettings,
} from '../../worker/temporal-connection.ts';
import { isTemporalGiven } from './beforehand.ts';
import { StartProblem } from './problem.ts';

export interface TemporalProgram {
  readonly settings: TemporalSettings;
  /** Variables that lead the workers and the command to it. */
  readonly env: Readonly<Record<string, string>>;
  /** Null when somebody else runs Temporal. */
  readonly uiUrl: string | null;
  /** Resolves with the reason when the server that was started here was given up. Never resolves after `stop`. */
  readonly gaveUp: Promise<StartProblem>;
  stop(): Promise<void>;
}

/**
 * Temporal's development server with its state in the state folder; or, with TEMPORAL_ADDRESS set, the server that is there.
 * @throws StartProblem
 */
export async function startTemporal(options: {
  readonly stateDir: string;
  readonly port: number;
  readonly uiPort: number;
  readonly env: NodeJS.ProcessEnv;
  /** Told in one sentence when the server died and is started again. */
  readonly onRestart: (sentence: string) => void;
}): Promise<TemporalProgram> {
  const { stateDir, port, uiPort, env, onRestart } = options;
  if (isTemporalGiven(env)) return theirs(env);
  try {
    const folder = join(stateDir, 'temporal');
    mkdirSync(folder, { recursive: true });
    const server = await startDevServer({ stateDir: folder, port, uiPort });
    const kept = keepUp(server, folder, onRestart);
    const ours = { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: server.namespace };
    return {
      settings: temporalSettings(ours),
      env: ours,
      uiUrl: server.uiUrl,
      ...kept,
    };
  } catch (err) {
    if (err instanceof DevServerProblem || err instanceof TemporalNotFound)
      throw new StartProblem(err.message);
    throw err;
  }
}

const DEATHS_PER_MINUTE = 5;
const RESTART_AFTER_MS = 500;
const RESTART_ATTEMPTS = 6;

/** Starts a server that died again on its ports and its state, from which histories and schedules go on. */
function keepUp(
  first: DevServer,
  stateDir: string,
  onRestart: (sentence: string) => void,
): Pick<TemporalProgram, 'gaveUp' | 'stop'> {
  const port = Number(first.address.split(':').at(-1));
  const uiPort = Number(new URL(first.uiUrl).port);
  const deaths: number[] = [];
  let stopping = false;
  let server = first;
  const isStopping = (): boolean => stopping; // read through a call: it changes while the loop waits

  async function watch(): Promise<StartProblem | null> {
    for (;;) {
      await server.ended;
      if (isStopping()) return null;
      deaths.push(Date.now());
      const recent = deaths.filter((at) => Date.now() - at < 60_000).length;
      if (recent >= DEATHS_PER_MINUTE)
        return new StartProblem(
          `Temporal ended ${recent} times within a minute. Its log is ${server.logFile}.`,
        );
      onRestart('Temporal ended; it is started again with its state');
      try {
        server = await again();
        if (isStopping()) return null; // `stop` waits for this, and ends the new one
      } catch (err) {
        if (isStopping()) return null;
        if (!(err instanceof DevServerProblem || err instanceof TemporalNotFound)) throw err;
        return new StartProblem(`Temporal ended and could not be started again. ${err.message}`);
      }
    }
  }
  /** Its ports are free only a moment after its end. */
  async function again(): Promise<DevServer> {
    for (let attempt = 1; ; attempt += 1) {
      await sleep(RESTART_AFTER_MS);
      try {
        return await startDevServer({ stateDir, port, uiPort });
      } catch (err) {
        if (!(err instanceof DevServerProblem) || attempt === RESTART_ATTEMPTS || isStopping()) throw err;
      }
    }
  }
  const watching = watch();
  return {
    gaveUp: watching.then((problem) => problem ?? new Promise<never>(() => undefined)),
    async stop() {
      stopping = true;
      await server.stop();
      await watching;
      await server.stop(); // one that was just being started
    },
  };
}

/** @throws CouldNot when it does not answer, or refuses the credentials. */
async function theirs(env: NodeJS.ProcessEnv): Promise<TemporalProgram> {
  try {
    const settings = temporalSettings(env);
    const plane = await connectControlPlane(settings);
    await plane.running();
    await plane.close();
    const names = Object.keys(env).filter((name) => name.startsWith('TEMPORAL_'));
    const own = Object.fromEntries(names.map((name) => [name, env[name] ?? '']));
    return {
      settings,
      env: own,
      uiUrl: null,
      gaveUp: new Promise(() => undefined),
      stop: () => Promise.resolve(),
    };
  } catch (err) {
    if (err instanceof TemporalSettingsWrong) throw new StartProblem(err.message);
    throw err;
  }
}
