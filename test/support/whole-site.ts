import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import {
  ACCOUNTS,
  prepareLandingZone,
  withoutAws,
  type LandingZone,
} from '../../scripts/landing-zone/index.ts';
import type { AdministratorKey } from '../../scripts/landing-zone/administrators.ts';
import type { AccountName } from '../../domain/policy/schema.ts';
import { startWriter } from '../../scripts/sample/writer.ts';
import { devServer } from './temporal.ts';
import { offered } from './global-setup.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
type Program = 'local-aws' | 'worker' | 'proberProduction' | 'proberDrill';

/** The whole product on this computer, each program a process of its own that can be killed and started again. */
export interface WholeSite {
  readonly client: Client;
  readonly zone: LandingZone;
  readonly adminEndpoint: string;
  readonly stateDir: string;
  /** `kill -9`: no chance to clean up. */
  kill(program: Program): Promise<void>;
  start(program: Program): Promise<void>;
  /** The administrators' keys: for looking at what the product's own roles may not list. */
  readonly administrators: Readonly<Record<AccountName, AdministratorKey>>;
  /** Environment of the control plane, for reading the ledger the way the product does. */
  readonly environment: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

export async function wholeSite(options: { readonly writer?: boolean } = {}): Promise<WholeSite> {
  const stateDir = await mkdtemp(join(tmpdir(), 'lifeboat-site-'));
  // PostgreSQL refuses root and runs as another user, who must be able to pass through.
  await chmod(stateDir, 0o711);
  const running = new Map<Program, ChildProcess>();
  // LIFEBOAT_KEEP_STATE=1 keeps the logs and the state of a run that is to be understood.
  const undo: (() => Promise<void>)[] =
    process.env['LIFEBOAT_KEEP_STATE'] === '1' ? [] : [() => rm(stateDir, { recursive: true, force: true })];
  const ports = { aws: 0, admin: 0 };

  const stop = async (): Promise<void> => {
    for (const child of running.values()) await end(child, 'SIGTERM');
    for (const step of undo.reverse()) await step();
  };

  try {
    const temporal = await devServer();
    undo.push(() => temporal.stop());
    const envFile = join(stateDir, 'aws.env');

    const launch = async (
      program: Program,
      args: string[],
      env: NodeJS.ProcessEnv,
      ready: RegExp,
    ): Promise<void> => {
      const child = spawn(process.execPath, ['--import', 'tsx', '--', ...args], {
        cwd: PROJECT,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      running.set(program, child);
      const log = createWriteStream(join(stateDir, `${program}.log`), { flags: 'a' });
      child.stdout.pipe(log, { end: false });
      child.stderr.pipe(log, { end: false });
      await new Promise<void>((resolve, reject) => {
        let said = '';
        const listen = (chunk: Buffer): void => {
          said += chunk.toString();
          if (ready.test(said)) resolve();
        };
        child.stdout.on('data', listen);
        child.stderr.on('data', listen);
        child.once('exit', (code) =>
          reject(new Error(`${program} ended with ${code ?? 'a signal'} before it was ready:\n${said}`)),
        );
      });
    };

    const startAws = async (): Promise<Record<string, string>> => {
      const args = [
        'local-aws/src/cli/main.ts',
        'start',
        '--state',
        join(stateDir, 'aws'),
        '--env-file',
        envFile,
      ];
      args.push('--port', String(ports.aws), '--admin-port', String(ports.admin));
      await launch('local-aws', args, withoutAws(process.env), /admin: http/);
      const lines = (await readFile(envFile, 'utf8')).split('\n').filter((line) => line.includes('='));
      const written = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
      ports.aws = Number(new URL(written['AWS_ENDPOINT_URL'] ?? '').port);
      ports.admin = Number(new URL(written['LIFEBOAT_LOCAL_AWS_ADMIN'] ?? '').port);
      return written;
    };

    const aws = await startAws();
    const key = (prefix: string) => ({
      accessKeyId: aws[`${prefix}AWS_ACCESS_KEY_ID`] ?? '',
      secretAccessKey: aws[`${prefix}AWS_SECRET_ACCESS_KEY`] ?? '',
    });
    const adminEndpoint = aws['LIFEBOAT_LOCAL_AWS_ADMIN'] ?? '';
    const administrators = { production: key(''), vault: key('VAULT_'), drill: key('DRILL_') };
    const zone = await prepareLandingZone({
      endpoint: aws['AWS_ENDPOINT_URL'] ?? '',
      adminEndpoint,
      administrators,
      stateDir,
      databaseCa: aws['DATABASE_CA_BUNDLE'] ?? '',
    });
    const shared = {
      ...withoutAws(process.env),
      TEMPORAL_ADDRESS: temporal.address,
      AWS_POLL_SECONDS: '0.2',
      LOG_LEVEL: 'info',
    };
    const environment = {
      ...shared,
      ...zone.environments.worker,
      WORKFLOW_BUNDLE: offered('LIFEBOAT_TEST_WORKFLOW_BUNDLE'),
    };

    const start = async (program: Program): Promise<void> => {
      if (program === 'local-aws') await startAws();
      else if (program === 'worker') await launch('worker', ['worker/main.ts'], environment, /"msg":"ready"/);
      else
        await launch(
          program,
          ['worker/prober.ts'],
          { ...shared, ...zone.environments[program] },
          /"msg":"ready"/,
        );
    };
    const kill = async (program: Program): Promise<void> => {
      const child = running.get(program);
      if (child !== undefined) await end(child, 'SIGKILL');
    };

    await Promise.all((['worker', 'proberProduction', 'proberDrill'] as const).map(start));
    if (options.writer !== false) {
      const writer = await startWriter({ connection: zone.sample, clockEndpoint: adminEndpoint });
      undo.push(() => writer.stop());
    }
    const connection = await Connection.connect({ address: temporal.address });
    undo.push(() => connection.close());
    return {
      client: new Client({ connection }),
      zone,
      adminEndpoint,
      stateDir,
      kill,
      start,
      environment,
      administrators,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

export { ACCOUNTS };
