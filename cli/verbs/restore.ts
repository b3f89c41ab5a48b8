import { randomBytes } from 'node:crypto';
import { approvalRules } from '../../domain/approvals.ts';
import { restoreId } from '../../domain/names.ts';
import type { FinishRestore, RestoreRequest, RestoreResult, RestoreState } from '../../domain/requests.ts';
import { duration, DURATION_PATTERN } from '../../domain/units.ts';
import type { ControlPlane } from '../control-plane.ts';
import { CouldNot, EXIT, type ExitStatus } from '../exit-status.ts';
import { follow } from '../follow.ts';
import { resourceNamed, startRestore } from '../runs.ts';
import { painted, table, type Terminal } from '../terminal.ts';
import type { World } from '../world.ts';
import { some, when } from '../../domain/words.ts';
import { withControlPlane } from './with-control-plane.ts';

const LOOK_EVERY_MS = 500;
const LONGEST_KEEP = 24 * 3600;

export interface RestoreOptions {
  readonly reason: string;
  readonly at?: string;
  readonly point?: string;
  readonly keep: string;
  readonly name?: string;
  readonly as?: string;
  readonly acceptUnverified?: boolean;
  readonly detach?: boolean;
}

/** `lifeboat restore request RESOURCE`: restores, verifies, and hands over. Waits until it is handed over or has ended. */
export async function requestRestore(
  world: World,
  name: string,
  options: RestoreOptions,
): Promise<ExitStatus> {
  const loaded = world.policy();
  const request: RestoreRequest = {
    policy: loaded.policy,
    policySha256: loaded.policySha256,
    request: requestName(name, options.name, world.now()),
    resource: resourceNamed(loaded, name).name,
    requestedBy: options.as ?? world.user,
    reason: options.reason,
    ...(options.at === undefined ? {} : { at: instantOf(options.at) }),
    ...(options.point === undefined ? {} : { pointArn: options.point }),
    keepSeconds: keepSeconds(options.keep),
    acceptUnverified: options.acceptUnverified ?? false,
  };
  return withControlPlane(world, async (plane) => {
    const { id } = await startRestore(plane, request);
    if (options.detach === true) {
      world.terminal.result({ request: request.request, run: id, detached: true });
      world.terminal.say(`Started ${id}. See how it goes: lifeboat restore status ${request.request}`);
      return EXIT.ok;
    }
    world.terminal.note(`Started ${id}.`);
    const { needed, approvers } = approvalRules(loaded.policy);
    if (needed > 0)
      world.terminal.note(
        `It begins when ${needed} of ${approvers.join(', ')} agreed: lifeboat restore approve ${request.request}`,
      );
    const state = await follow(plane, id, handedOverOrEnded(plane, id, world.sleep), world);
    world.terminal.result({ request: request.request, run: id, ...state });
    for (const line of stateLines(world.terminal, request.request, state)) world.terminal.say(line);
    return exitOf(state);
  });
}

/** `lifeboat restore status [REQUEST]`. */
export async function restoreStatus(world: World, request: string | undefined): Promise<ExitStatus> {
  return withControlPlane(world, async (plane) => {
    if (request === undefined) return listRestores(world, plane);
    const state = await stateOf(plane, restoreId(request));
    world.terminal.result({ request, run: restoreId(request), ...state });
    for (const line of stateLines(world.terminal, request, state)) world.terminal.say(line);
    return EXIT.ok;
  });
}

/** `lifeboat restore finish REQUEST`: takes down what was restored, and waits for the proof that it is gone. */
export async function finishRestore(
  world: World,
  request: string,
  { as: person, detach = false }: { readonly as?: string; readonly detach?: boolean },
): Promise<ExitStatus> {
  const id = restoreId(request);
  return withControlPlane(world, async (plane) => {
    const run = await plane.describe(id);
    if (run === null) throw new CouldNot(`There is no restore request "${request}".`, seeRestores);
    if (run.status !== 'running')
      throw new CouldNot(`The restore request "${request}" has ended already (${run.status}).`, seeRestores);
    const by: FinishRestore = { by: person ?? world.user };
    await plane.update(id, 'finish', by);
    if (detach) {
      world.terminal.result({ request, run: id, finishing: true });
      world.terminal.say(`${id} is being taken down.`);
      return EXIT.ok;
    }
    const result = await follow(plane, id, plane.result<RestoreResult>(id), world);
    world.terminal.result({ run: id, ...result });
    world.terminal.say(`${request}: ${result.ended}`);
    world.terminal.say(
      result.cleanedUp
        ? 'Everything that was restored is gone, each absence was seen.'
        : 'NOT everything is gone; the sweeper tries again. See `lifeboat report drill`.',
    );
    return result.cleanedUp ? EXIT.ok : EXIT.couldNot;
  });
}

const seeRestores = 'See them all with `lifeboat restore status`.';

async function listRestores({ terminal, now }: World, plane: ControlPlane): Promise<ExitStatus> {
  const runs = await plane.runs({ type: 'restoreRequest', idPrefix: restoreId(''), limit: 50 });
  const states = await Promise.all(
    runs.map(async (run) => ({
      request: run.id.slice(restoreId('').length),
      run: run.status,
      startedAt: run.startedAt,
      endedAt: run.endedAt,
      state:
        run.status === 'running' ? await plane.query<RestoreState>(run.id, 'state').catch(() => null) : null,
    })),
  );
  terminal.result({ at: now().toISOString(), restores: states });
  if (states.length === 0) terminal.say('There are no restore requests.');
  else {
    const rows = states.map(({ request, run, startedAt, state }) => [
      request,
      state?.phase ?? run,
      state?.verdict == null ? '-' : painted(terminal, state.verdict),
      when(startedAt),
      state?.deadline == null ? '-' : when(state.deadline),
      state?.endpoint ?? '-',
    ]);
    const header = ['request', 'phase', 'verdict', 'asked', 'kept until', 'endpoint'];
    for (const line of table(header, rows)) terminal.say(line);
  }
  return EXIT.ok;
}

/** A run that has ended still answers its queries while a worker runs and its history is kept. */
function stateOf(plane: ControlPlane, id: string): Promise<RestoreState> {
  return plane.query<RestoreState>(id, 'state');
}

async function handedOverOrEnded(
  plane: ControlPlane,
  id: string,
  sleep: World['sleep'],
): Promise<RestoreState> {
  const run: { error?: unknown; result?: RestoreResult } = {};
  void plane.result<RestoreResult>(id).then(
    (result) => (run.result = result),
    (error: unknown) => (run.error = error),
  );
  for (;;) {
    if (run.error !== undefined) throw run.error as Error;
    const state = await plane.query<RestoreState>(id, 'state').catch(() => null);
    if (state !== null && (state.phase === 'handed-over' || state.phase === 'ended')) return state;
    if (run.result !== undefined) return stateAtEnd(run.result);
    await sleep(LOOK_EVERY_MS);
  }
}

function stateAtEnd({ verdict, reasons, ended }: RestoreResult): RestoreState {
  return {
    phase: 'ended',
    verdict,
    reasons: [...reasons, ended],
    endpoint: null,
    secretArn: null,
    deadline: null,
    approval: null,
  };
}

function exitOf({ phase, verdict }: RestoreState): ExitStatus {
  return phase === 'handed-over' && verdict === 'passed' ? EXIT.ok : EXIT.notVerified;
}

function stateLines(terminal: Terminal, request: string, state: RestoreState): string[] {
  const { phase, verdict, reasons, endpoint, secretArn, deadline } = state;
  return [
    `${terminal.paint('bold', request)} ${phase}, verdict ${verdict === null ? 'not there yet' : painted(terminal, verdict)}`,
    ...reasons.map((reason) => `  ${terminal.paint('yellow', '!')} ${reason}`),
    ...[approvalLine(state)].filter((line) => line !== null),
    ...(endpoint === null ? [] : [`endpoint: ${endpoint}`]),
    ...(secretArn === null ? [] : [`credentials: secret ${secretArn}`]),
    ...(deadline === null ? [] : [`kept until: ${when(deadline)}, then taken down`]),
    ...(phase === 'handed-over' ? [`When you are done: lifeboat restore finish ${request}`] : []),
  ];
}

/** What a request that waits for people waits for; null when it does not wait. */
export function approvalLine({ phase, approval }: RestoreState): string | null {
  if (phase !== 'awaiting-approval' || approval === null) return null;
  const { needed, approvers, decisions, until } = approval;
  const approved = decisions.filter(({ decision }) => decision === 'approved').map(({ by }) => by);
  const given = approved.length === 0 ? 'nobody has agreed yet' : `${approved.join(', ')} agreed`;
  return `waits until ${when(until)} for ${some(needed, 'approval')} of ${approvers.join(', ')}; ${given}`;
}

function requestName(resource: string, asked: string | undefined, now: Date): string {
  if (asked === undefined)
    return `${resource}-${now.toISOString().slice(0, 16).replaceAll(/\D/g, '')}-${randomBytes(2).toString('hex')}`;
  if (/^[a-z][a-z0-9-]{1,39}$/.test(asked)) return asked;
  throw new CouldNot(
    `"${asked}" cannot be the name of a request.`,
    'Use 2 to 40 lower-case letters, digits or hyphens, starting with a letter.',
  );
}

function keepSeconds(text: string): number {
  if (!DURATION_PATTERN.test(text))
    throw new CouldNot(`--keep "${text}" is not a length of time.`, 'Write for example 30m, 8h or 24h.');
  const seconds = duration(text);
  if (seconds < 60 || seconds > LONGEST_KEEP)
    throw new CouldNot(
      `--keep ${text} is not possible.`,
      'A restored resource is kept for 1 minute to 24 hours.',
    );
  return seconds;
}

function instantOf(text: string): string {
  const date = new Date(text);
  if (/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:\d{2})$/.test(text) && !Number.isNaN(date.getTime()))
    return date.toISOString();
  throw new CouldNot(
    `--at "${text}" is not an instant.`,
    'Write it with its zone, for example 2026-11-21T09:58:00Z.',
  );
}
