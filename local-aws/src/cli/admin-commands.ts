import type { Command } from 'commander';
import type { EventEntry } from '../platform.ts';
import { FAULT_KINDS } from '../faults/parse.ts';
import { CRASH_POINTS, JOBS, WRITERS } from '../faults/points.ts';
import { ask, type WhereOptions } from './admin-client.ts';
import { pointsText, type Status, statusText } from './texts.ts';

const DURATION = /^(\d+(?:\.\d+)?)\s*(d|h|m|s|days?|hours?|minutes?|seconds?)$/;
const UNITS: Readonly<Record<string, string>> = { d: 'days', h: 'hours', m: 'minutes', s: 'seconds' };

/** Commands that talk to a running server. */
export function adminCommands(program: Command, defaultState: string): void {
  const command = (name: string, description: string, parent: Command = program): Command =>
    parent
      .command(name)
      .description(description)
      .option('--state <dir>', 'state folder of the running server', defaultState)
      .option('--admin <url>', 'its admin endpoint, if not from --state');

  command('status', 'endpoint, accounts, clock, databases, faults')
    .option('--json', 'as JSON')
    .action(async ({ json, ...where }: WhereOptions & { json?: boolean }) => {
      const status = await ask(where, 'GET', '/status');
      if (json) print(status);
      else process.stdout.write(statusText(status as Status));
    });

  command('advance <duration>', 'move the clock forward, e.g. 91d, 12h, 30m').action(
    async (duration: string, where: WhereOptions) => {
      print(await ask(where, 'POST', '/clock/advance', readDuration(duration)));
    },
  );

  command('events', 'who called what, allowed or denied')
    .option('--limit <n>', 'newest so many', '50')
    .option('--kind <kind>', 'call, allowed, denied, fault, clock, damage or service')
    .option('--service <name>', 'e.g. s3')
    .option('--json', 'one JSON object per line')
    .action(async (options: EventOptions) => {
      const query = new URLSearchParams({ limit: options.limit });
      if (options.kind !== undefined) query.set('kind', options.kind);
      if (options.service !== undefined) query.set('service', options.service);
      const { events } = (await ask(options, 'GET', `/events?${query.toString()}`)) as {
        events: EventEntry[];
      };
      for (const event of events)
        process.stdout.write(`${options.json ? JSON.stringify(event) : oneLine(event)}\n`);
    });

  const fault = program.command('fault').description('rehearse AWS having a bad day');
  command(
    'add <kind> [conditions...]',
    'e.g. throttle service=rds operation=CreateDBSnapshot nth=2 times=3',
    fault,
  ).action(async (kind: string, conditions: string[], where: WhereOptions) =>
    print(await ask(where, 'POST', '/faults', { kind, ...readPairs(conditions) })),
  );
  command('list', 'the rules, and how often each fired', fault).action(async (where: WhereOptions) =>
    print(await ask(where, 'GET', '/faults')),
  );
  fault
    .command('points')
    .description('kinds of faults, jobs by service, and where a crash can happen')
    .option('--json', 'as JSON')
    .action(({ json }: { json?: boolean }) => {
      const points = { kinds: FAULT_KINDS, jobs: JOBS, writers: WRITERS, crashPoints: CRASH_POINTS };
      if (json) print(points);
      else process.stdout.write(pointsText());
    });
  command('clear [id]', 'remove one rule, or all', fault).action(
    async (id: string | undefined, where: WhereOptions) => {
      print(
        await ask(where, 'DELETE', id === undefined ? '/faults' : `/faults?id=${encodeURIComponent(id)}`),
      );
    },
  );

  command(
    'damage <kind> [details...]',
    'damage what is stored, e.g. page vaultArn=<arn> seed=tonight',
  ).action(async (kind: string, details: string[], where: WhereOptions) => {
    print(await ask(where, 'POST', '/damage', { kind, ...readPairs(details) }));
  });
}

interface EventOptions extends WhereOptions {
  readonly limit: string;
  readonly kind?: string;
  readonly service?: string;
  readonly json?: boolean;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

function oneLine(event: EventEntry): string {
  const what = [event.service, event.operation ?? event.action]
    .filter((part) => part !== undefined)
    .join(':');
  const end = event.errorCode ?? event.status;
  return [
    event.at,
    event.kind,
    what,
    event.accountId,
    event.region,
    event.principalArn,
    event.resource,
    end,
    event.detail,
  ]
    .filter((part) => part !== undefined && part !== '')
    .join(' ');
}

function readDuration(text: string): Record<string, number> {
  const match = DURATION.exec(text);
  const unit = UNITS[(match?.[2] ?? '').charAt(0)];
  if (!match || unit === undefined)
    throw new Error(`'${text}' is not a duration. Write e.g. 91d, 12h, 30m or 45s.`);
  return { [unit]: Number(match[1]) };
}

function readPairs(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1) throw new Error(`'${pair}' must have the form name=value.`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}
