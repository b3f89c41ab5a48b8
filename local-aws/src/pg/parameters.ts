import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { PostgresHost } from './host.ts';

/** One setting that PostgreSQL knows. */
export interface PostgresParameter {
  readonly name: string;
  /** Who may change it, and when: `postmaster` needs a restart. */
  readonly context: string;
  readonly type: 'BOOLEAN' | 'INTEGER' | 'REAL' | 'STRING' | 'ENUM';
  readonly min: string;
  readonly max: string;
  readonly description: string;
}

const known = new Map<string, Promise<readonly PostgresParameter[]>>();

/** Every setting of the installed PostgreSQL, by name. The program is asked once. */
export function postgresParameters({ binaries }: PostgresHost): Promise<readonly PostgresParameter[]> {
  const asked = known.get(binaries.postgres) ?? ask(binaries);
  known.set(binaries.postgres, asked);
  return asked;
}

async function ask({ postgres, env }: PostgresHost['binaries']): Promise<readonly PostgresParameter[]> {
  const { stdout } = await promisify(execFile)(postgres, ['--describe-config'], {
    env,
    maxBuffer: 4_000_000,
  });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', context = '', , type = '', , min = '', max = '', description = ''] = line.split('\t');
      return { name, context, type: type as PostgresParameter['type'], min, max, description };
    });
}
