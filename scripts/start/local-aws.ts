import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { AccountName } from '../../domain/policy/schema.ts';
import { withoutAws } from '../landing-zone/without-aws.ts';
import { ACCOUNTS } from '../landing-zone/plan.ts';
import type { AdministratorKey } from '../landing-zone/administrators.ts';
import { chooseFreePort } from '../temporal/ports.ts';
import { PROJECT } from './programs.ts';
import { supervise, type Supervised } from './supervise.ts';
import { StartProblem } from './problem.ts';

/** How to reach the AWS on this computer, as it wrote it down itself. */
export interface LocalAwsFacts {
  readonly endpoint: string;
  readonly adminEndpoint: string;
  readonly databaseCa: string;
  readonly administrators: Readonly<Record<AccountName, AdministratorKey>>;
}

export interface LocalAwsProgram {
  readonly child: Supervised;
  readonly facts: () => LocalAwsFacts;
}

/** Starts it; `child.up` resolves when it answers. Its ports stay the same when it is started again. */
export async function startLocalAws(options: {
  readonly stateDir: string;
  readonly port: number;
  readonly adminPort: number;
  readonly onRestart: (sentence: string) => void;
}): Promise<LocalAwsProgram> {
  const { stateDir, onRestart } = options;
  const envFile = join(stateDir, 'local-aws.env');
  rmSync(envFile, { force: true });
  const port = options.port === 0 ? await chooseFreePort('127.0.0.1') : options.port;
  const adminPort = options.adminPort === 0 ? await chooseFreePort('127.0.0.1') : options.adminPort;
  const accounts = Object.entries(ACCOUNTS).map(([name, id]) => `${id}=${name}`);
  const child = await supervise(
    {
      name: 'local-aws',
      program: process.execPath,
      args: [
        '--', // else Node takes --env-file for its own
        `${PROJECT}/local-aws/bin/lifeboat-local-aws.mjs`,
        'start',
        ...['--state', join(stateDir, 'local-aws'), '--env-file', envFile],
        ...['--port', String(port), '--admin-port', String(adminPort), '--accounts', accounts.join(',')],
      ],
      env: withoutAws(process.env),
      cwd: PROJECT,
    },
    { stateDir, onRestart, isUp: () => existsSync(envFile), graceMs: 15_000 },
  );
  return { child, facts: () => factsFrom(envFile) };
}

function factsFrom(envFile: string): LocalAwsFacts {
  const said = parseEnv(readFileSync(envFile, 'utf8'));
  const value = (name: string): string => {
    const found = said[name];
    if (found === undefined || found === '')
      throw new StartProblem(`The AWS on this computer did not say ${name} in ${envFile}.`);
    return found;
  };
  const key = (prefix: string): AdministratorKey => ({
    accessKeyId: value(`${prefix}AWS_ACCESS_KEY_ID`),
    secretAccessKey: value(`${prefix}AWS_SECRET_ACCESS_KEY`),
  });
  return {
    endpoint: value('AWS_ENDPOINT_URL'),
    adminEndpoint: value('LIFEBOAT_LOCAL_AWS_ADMIN'),
    databaseCa: value('DATABASE_CA_BUNDLE'),
    administrators: { production: key(''), vault: key('VAULT_'), drill: key('DRILL_') },
  };
}
