import { join } from 'node:path';
import { endOrphan } from '../temporal/orphan.ts';
import { portProblem } from '../temporal/ports.ts';
import { StartProblem } from './problem.ts';

/** Looked at before anything is loaded or started, so that a refusal comes at once. */

export interface Ports {
  readonly aws: number;
  readonly admin: number;
  readonly temporal: number;
  readonly ui: number;
}

const PROGRAMS = ['local-aws', 'control-plane', 'prober-production', 'prober-drill'];

/** Whether somebody else runs Temporal for us. */
export const isTemporalGiven = (env: NodeJS.ProcessEnv): boolean => (env['TEMPORAL_ADDRESS'] ?? '') !== '';

/** Programs that a killed `npm start` left behind on this state. @throws StartProblem when that one is alive. */
export async function endLeftovers(stateDir: string): Promise<void> {
  try {
    await Promise.all(PROGRAMS.map((name) => endOrphan(join(stateDir, 'run', `${name}.pid`), stateDir)));
  } catch (err) {
    throw new StartProblem((err as Error).message);
  }
}

/** @throws StartProblem that names every port that cannot be used, and the option that changes it. */
export async function refuseTakenPorts(ports: Ports, env: NodeJS.ProcessEnv): Promise<void> {
  const wanted = [
    { port: ports.aws, what: 'the AWS on this computer', option: '--aws-port' },
    { port: ports.admin, what: 'its admin endpoint', option: '--admin-port' },
    ...(isTemporalGiven(env)
      ? []
      : [
          { port: ports.temporal, what: 'Temporal', option: '--temporal-port' },
          { port: ports.ui, what: "Temporal's web pages", option: '--ui-port' },
        ]),
  ];
  const problems: string[] = [];
  for (const { port, what, option } of wanted) {
    const problem = port === 0 ? null : await portProblem('127.0.0.1', port);
    if (problem !== null) problems.push(`Port ${port} for ${what} cannot be used (${option}): ${problem}`);
  }
  if (problems.length > 0) throw new StartProblem(problems.join('\n'));
}
