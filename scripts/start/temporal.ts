import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { connectControlPlane } from '../../cli/temporal-control-plane.ts';
import { DevServerProblem, startDevServer } from '../temporal/dev-server.ts';
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
  /** Resolves when the server that was started here ended. */
  readonly ended: Promise<void>;
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
}): Promise<TemporalProgram> {
  const { stateDir, port, uiPort, env } = options;
  if (isTemporalGiven(env)) return theirs(env);
  try {
    const folder = join(stateDir, 'temporal');
    mkdirSync(folder, { recursive: true });
    const server = await startDevServer({ stateDir: folder, port, uiPort });
    const ours = { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: server.namespace };
    return {
      settings: temporalSettings(ours),
      env: ours,
      uiUrl: server.uiUrl,
      ended: server.ended,
      stop: () => server.stop(),
    };
  } catch (err) {
    if (err instanceof DevServerProblem || err instanceof TemporalNotFound)
      throw new StartProblem(err.message);
    throw err;
  }
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
      ended: new Promise(() => undefined),
      stop: () => Promise.resolve(),
    };
  } catch (err) {
    if (err instanceof TemporalSettingsWrong) throw new StartProblem(err.message);
    throw err;
  }
}
