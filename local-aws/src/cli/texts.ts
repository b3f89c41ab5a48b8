import { FAULT_KINDS } from '../faults/parse.ts';
import { CRASH_POINTS, JOBS, WRITERS } from '../faults/points.ts';

/** What `status` reads of the server's answer; services may add further blocks. */
export interface Status {
  readonly server: { readonly endpoint: string; readonly adminEndpoint: string; readonly pid: number };
  readonly accounts: readonly { readonly id: string; readonly name: string; readonly accessKeyId: string }[];
  readonly clock: { readonly now: string; readonly offsetSeconds: number };
  readonly databases: readonly {
    readonly instance: string;
    readonly status: string;
    readonly address: string;
    readonly port: number;
    readonly fenced: boolean;
  }[];
  readonly faults: {
    readonly rules: readonly Rule[];
    readonly file: { readonly path: string; readonly error?: string } | null;
  };
}

interface Rule {
  readonly id: string;
  readonly kind: string;
  readonly count: { readonly fired: number };
}

/** `status` for people. */
export function statusText({ server, accounts, clock, databases, faults }: Status): string {
  const ahead = clock.offsetSeconds === 0 ? 'the real time' : `${clock.offsetSeconds / 86_400} days ahead`;
  const { rules, file } = faults;
  const lines = [
    `endpoint  ${server.endpoint}   admin ${server.adminEndpoint}   process ${server.pid}`,
    `clock     ${clock.now} (${ahead})`,
    ...accounts.map(({ id, name, accessKeyId }) => `account   ${id} ${name}, administrator ${accessKeyId}`),
    ...databases.map(
      ({ instance, status, address, port, fenced }) =>
        `database  ${instance} ${status} ${address}:${port}${fenced ? '' : ' (its network is not fenced)'}`,
    ),
    ...(file
      ? [`faults    file ${file.path}${file.error === undefined ? '' : `, not taken over: ${file.error}`}`]
      : []),
    ...rules.map(
      ({ id, kind, count, ...rule }) => `fault     ${id} ${kind} ${conditions(rule)}fired ${count.fired}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function conditions(rule: object): string {
  return Object.entries(rule)
    .map(([name, value]) => `${name}=${String(value)} `)
    .join('');
}

/** `fault points` for people. */
export function pointsText(): string {
  const lines = [
    `kinds: ${FAULT_KINDS.join(', ')}`,
    ...Object.entries(JOBS).map(([service, jobs]) => `jobs of ${service}: ${jobs.join(', ')}`),
    `writers: ${WRITERS.join(', ')}`,
    'crash points:',
    ...Object.entries(CRASH_POINTS).map(([name, what]) => `  ${name.padEnd(16)} ${what}`),
  ];
  return `${lines.join('\n')}\n`;
}
