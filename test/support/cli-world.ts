import { createProgram } from '../../cli/program.ts';
import type { ControlPlane, FoundSchedule, Run, WantedSchedule } from '../../cli/control-plane.ts';
import { CouldNot, EXIT, type ExitStatus } from '../../cli/exit-status.ts';
import { loadPolicy } from '../../cli/policy-file.ts';
import { report } from '../../cli/report-error.ts';
import { createTerminal } from '../../cli/terminal.ts';
import type { World } from '../../cli/world.ts';
import type { Progress } from '../../domain/progress.ts';

export const POLICY_FILE = 'examples/minimal.yaml';
export const NOW = new Date('2026-11-21T02:30:15.250Z');

/** What Temporal holds, in memory. `results` are awaited, so a test can let a run take as long as it likes. */
export interface FakeTemporal {
  readonly started: { type: string; id: string; argument: unknown }[];
  readonly schedules: Map<string, FoundSchedule>;
  readonly runs: Run[];
  readonly results: Map<string, unknown>;
  readonly progress: Map<string, Progress>;
  readonly queries: Map<string, unknown>;
  readonly updates: { id: string; name: string; argument: unknown }[];
  readonly pollers: Map<string, number>;
  /** What every connection attempt throws. */
  refuses?: CouldNot;
  closed: number;
}

export function fakeTemporal(): FakeTemporal {
  return {
    started: [],
    schedules: new Map(),
    runs: [],
    results: new Map(),
    progress: new Map(),
    queries: new Map(),
    updates: [],
    pollers: new Map(),
    closed: 0,
  };
}

/** Ids end in the slot, which a test knows through {@link NOW}; results may be given for the part before it. */
function find<T>(map: ReadonlyMap<string, T>, id: string): T | undefined {
  return map.get(id) ?? [...map].find(([key]) => id.startsWith(key))?.[1];
}

function planeOf(temporal: FakeTemporal): ControlPlane {
  return {
    address: 'temporal.test:7233',
    namespace: 'default',
    async start(run) {
      temporal.started.push(run);
    },
    async result<T>(id: string): Promise<T> {
      const result = await find(temporal.results, id);
      if (result instanceof Error) throw result;
      if (result === undefined) throw new CouldNot(`There is no run with the id ${id}.`);
      return result as T;
    },
    progress: async (id) => find(temporal.progress, id) ?? null,
    async query<T>(id: string, name: string): Promise<T> {
      const answer = temporal.queries.get(`${id} ${name}`) ?? find(temporal.queries, id);
      if (answer === undefined) throw new CouldNot(`There is no run with the id ${id}.`);
      return answer as T;
    },
    async update<T>(id: string, name: string, argument: unknown): Promise<T> {
      temporal.updates.push({ id, name, argument });
      return temporal.queries.get(`${id} ${name}`) as T;
    },
    describe: async (id) => temporal.runs.find((run) => run.id === id) ?? null,
    runs: async ({ type, idPrefix, limit }) =>
      temporal.runs.filter((run) => run.type === type && run.id.startsWith(idPrefix)).slice(0, limit),
    running: async () => temporal.runs.filter(({ status }) => status === 'running'),
    schedule: async (id) => temporal.schedules.get(id) ?? null,
    async putSchedule(wanted) {
      temporal.schedules.set(wanted.id, found(wanted, temporal.schedules.get(wanted.id)));
    },
    workersOn: async (queue) => temporal.pollers.get(queue) ?? 0,
    async close() {
      temporal.closed += 1;
    },
  };
}

function found(wanted: WantedSchedule, before?: FoundSchedule): FoundSchedule {
  return {
    ...wanted,
    overlap: 'SKIP',
    paused: before?.paused ?? false,
    note: before?.note ?? null,
    next: '2026-11-22T02:30:00.000Z',
    missed: 0,
  };
}

export interface Said {
  readonly status: ExitStatus;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line against a Temporal in memory, or against the one that `connect` reaches. @param interrupt presses Ctrl-C as soon as something waits. */
export async function lifeboat(
  line: readonly string[],
  temporal: FakeTemporal | Pick<World, 'connect' | 'policy'> = fakeTemporal(),
  { interrupt = false } = {},
): Promise<Said> {
  let out = '';
  let err = '';
  const stdout = { write: (text: string) => (out += text) };
  const stderr = { write: (text: string) => (err += text) };
  let status: ExitStatus = EXIT.couldNot;
  const program = createProgram(
    ({ policy, json = false }) => ({
      env: {},
      terminal: createTerminal({ stdout, stderr, json, color: false }),
      now: () => NOW,
      sleep: () => new Promise((resolve) => setImmediate(resolve)),
      policy: () =>
        'connect' in temporal
          ? temporal.policy()
          : loadPolicy(policy ?? POLICY_FILE, (text) => stderr.write(`${text}\n`)),
      connect: async () => {
        if ('connect' in temporal) return temporal.connect();
        if (temporal.refuses !== undefined) throw temporal.refuses;
        return planeOf(temporal);
      },
      onInterrupt: (handler) => {
        if (interrupt) setImmediate(handler);
        return () => undefined;
      },
      user: 'ada',
    }),
    (verb) => (status = verb),
  );
  for (const command of [program, ...program.commands, ...program.commands.flatMap((sub) => sub.commands)])
    command.exitOverride().configureOutput({ writeOut: stdout.write, writeErr: stderr.write });
  try {
    await program.parseAsync([...line], { from: 'user' });
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('commander.') === true)
      return { status: EXIT.couldNot, out, err };
    status = report(error, { json: line.includes('--json'), debug: false, stdout, stderr });
  }
  return { status, out, err };
}
