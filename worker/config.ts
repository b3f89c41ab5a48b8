import { existsSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { temporalSettings, type TemporalSettings } from './temporal-connection.ts';

/** Settings of a worker program. The only place of the workers that reads the environment; everything wrong is said at once. */
const shared = {
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
  LIFEBOAT_LOCAL: z.enum(['0', '1']).default('0'),
} as const;

const controlPlane = z.object({
  ...shared,
  AWS_POLL_SECONDS: z.coerce.number().min(0.05).max(300).default(20),
  WORKFLOW_BUNDLE: z.string().min(1).refine(existsSync, 'no such file').optional(),
});

const prober = z.object({
  ...shared,
  PROBER_TASK_QUEUE: z.string().min(1),
  PROBER_LOCAL_ADDRESS: z.ipv4().optional(),
  DATABASE_CA_BUNDLE: z.string().min(1).refine(existsSync, 'no such file'),
  PROBER_FOLDER: z.string().min(1).refine(isAbsolute, 'not an absolute path').optional(),
});

export interface ControlPlaneConfig {
  readonly temporal: TemporalSettings;
  readonly logLevel: string;
  /** Against the AWS on this computer; statements say so. */
  readonly local: boolean;
  /** Seconds between two looks at a job or a resource at AWS. */
  readonly pollSeconds: number;
  /** Prebuilt workflow code; bundled at start when absent. */
  readonly workflowBundle?: string;
}

export interface ProberConfig {
  readonly temporal: TemporalSettings;
  readonly logLevel: string;
  readonly taskQueue: string;
  /** Address that the prober asks from, when the host is in several networks. */
  readonly localAddress?: string;
  /** PEM file of the authorities that signed the databases' certificates (AWS's global bundle). */
  readonly caBundle: string;
  /** On a disk of its own, for what is read of buckets: about 200 bytes per object version while a bucket is read. */
  readonly folder: string;
}

/** The environment is wrong; the message names every variable. */
export class ConfigWrong extends Error {
  override readonly name = 'ConfigWrong';
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws ConfigWrong, TemporalSettingsWrong */
export function controlPlaneConfig(env: Environment = process.env): ControlPlaneConfig {
  const { LOG_LEVEL, LIFEBOAT_LOCAL, AWS_POLL_SECONDS, WORKFLOW_BUNDLE } = parse(controlPlane, env);
  return {
    temporal: temporalSettings(env),
    logLevel: LOG_LEVEL,
    local: LIFEBOAT_LOCAL === '1',
    pollSeconds: AWS_POLL_SECONDS,
    ...(WORKFLOW_BUNDLE === undefined ? {} : { workflowBundle: WORKFLOW_BUNDLE }),
  };
}

/** @throws ConfigWrong, TemporalSettingsWrong */
export function proberConfig(env: Environment = process.env): ProberConfig {
  const { LOG_LEVEL, PROBER_TASK_QUEUE, PROBER_LOCAL_ADDRESS, DATABASE_CA_BUNDLE, PROBER_FOLDER } = parse(
    prober,
    env,
  );
  return {
    temporal: temporalSettings(env),
    logLevel: LOG_LEVEL,
    taskQueue: PROBER_TASK_QUEUE,
    caBundle: DATABASE_CA_BUNDLE,
    folder: PROBER_FOLDER ?? join(tmpdir(), `${PROBER_TASK_QUEUE}-${userInfo().uid}`),
    ...(PROBER_LOCAL_ADDRESS === undefined ? {} : { localAddress: PROBER_LOCAL_ADDRESS }),
  };
}

function parse<T extends { LIFEBOAT_LOCAL: '0' | '1' }>(schema: z.ZodType<T>, env: Environment): T {
  // An empty variable is an unset one: that is how process managers write "no value".
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = schema.safeParse(given);
  if (!result.success)
    throw new ConfigWrong(`The environment is not set right:\n${z.prettifyError(result.error)}`);
  refuseRedirectedAws(result.data.LIFEBOAT_LOCAL === '1', env);
  return result.data;
}

/**
 * Somebody who can set an endpoint could make Lifeboat talk to a server that says yes to everything. Only local mode may.
 * @throws ConfigWrong
 */
export function refuseRedirectedAws(local: boolean, env: Environment): void {
  const redirected = Object.keys(env).filter(
    (name) => name.startsWith('AWS_ENDPOINT_URL') && env[name] !== '',
  );
  if (redirected.length > 0 && !local && env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] !== 'true')
    throw new ConfigWrong(
      `${redirected.join(', ')} would send every AWS call to another server. Unset it; for the AWS on this computer set LIFEBOAT_LOCAL=1.`,
    );
}
