import { createPreflight } from '../../activities/preflight.ts';
import { createAwsClients } from '../../activities/aws/clients.ts';
import { createDrivers } from '../../activities/kinds/index.ts';
import { nightScheduleId, sweepScheduleId, TASK_QUEUE } from '../../domain/names.ts';
import type { Condition } from '../../domain/requests.ts';
import type { ControlPlane } from '../control-plane.ts';
import { CouldNot, EXIT, type ExitStatus } from '../exit-status.ts';
import { painted } from '../terminal.ts';
import type { LoadedPolicy, World } from '../world.ts';

/**
 * `lifeboat doctor`: every condition that a night needs, with what to do about each that does not hold. Changes nothing.
 * Exit status 0 when all hold, 2 when one does not or could not be seen: the night could not be done.
 */
export async function doctor(world: World, ask: typeof awsConditions = awsConditions): Promise<ExitStatus> {
  const loaded = world.policy();
  const [temporal, aws] = await Promise.all([temporalConditions(world, loaded), ask(loaded)]);
  const conditions = [...temporal, ...aws];
  const open = conditions.filter(({ state }) => state !== 'ok');
  const { terminal } = world;
  terminal.result({ ok: open.length === 0, conditions });
  for (const { subject, question, state, saw, action } of conditions) {
    terminal.say(
      `${painted(terminal, state).padEnd(terminal.paint('red', 'problem').length)} ${subject}: ${saw}`,
    );
    if (state !== 'ok') {
      terminal.say(`        asked: ${question}`);
      terminal.say(`        do:    ${action}`);
    }
  }
  terminal.say(
    open.length === 0
      ? `All ${conditions.length} conditions hold.`
      : `${open.length} of ${conditions.length} conditions do not hold or could not be seen.`,
  );
  return open.length === 0 ? EXIT.ok : EXIT.couldNot;
}

/** The part that asks AWS, with the credentials of this process and the roles of the policy. */
export async function awsConditions({ policy }: LoadedPolicy): Promise<readonly Condition[]> {
  const clients = createAwsClients({ sessionName: 'lifeboat-doctor' });
  try {
    return await createPreflight(clients, createDrivers(clients)).conditions(policy);
  } finally {
    clients.destroy();
  }
}

async function temporalConditions(world: World, loaded: LoadedPolicy): Promise<Condition[]> {
  let plane: ControlPlane;
  try {
    plane = await world.connect();
  } catch (err) {
    if (!(err instanceof CouldNot)) throw err;
    const question = 'Does Temporal answer?';
    return [{ subject: 'Temporal', question, state: 'problem', saw: err.message, action: err.action }];
  }
  try {
    const { name, probers } = loaded.policy;
    const answers: Condition = {
      subject: 'Temporal',
      question: 'Does Temporal answer?',
      state: 'ok',
      saw: `${plane.address}, namespace ${plane.namespace}`,
      action: '',
    };
    return [
      answers,
      await workers(plane, TASK_QUEUE, 'Start a control-plane worker: npm run worker.'),
      await workers(
        plane,
        probers.production,
        'Start the prober inside the production network: npm run prober.',
      ),
      await workers(plane, probers.drill, 'Start the prober inside the drill network: npm run prober.'),
      await scheduled(plane, nightScheduleId(name), loaded),
      await scheduled(plane, sweepScheduleId(name), loaded),
    ];
  } finally {
    await plane.close();
  }
}

async function workers(plane: ControlPlane, queue: string, action: string): Promise<Condition> {
  const about = { subject: `task queue ${queue}`, question: 'Does a worker poll it?' };
  const n = await plane.workersOn(queue);
  return n > 0
    ? { ...about, state: 'ok', saw: `polled by ${n}`, action: '' }
    : { ...about, state: 'problem', saw: 'polled by nobody', action };
}

async function scheduled(
  plane: ControlPlane,
  id: string,
  { policySha256 }: LoadedPolicy,
): Promise<Condition> {
  const about = { subject: `schedule ${id}`, question: 'Does it exist, unpaused, with this policy?' };
  const bad = (saw: string, action: string): Condition => ({ ...about, state: 'problem', saw, action });
  const found = await plane.schedule(id);
  if (found === null) return bad('missing', 'Run `lifeboat apply`.');
  if (found.paused)
    return bad(`paused${found.note === null ? '' : `: ${found.note}`}`, 'Unpause it in Temporal.');
  const applied = (found.argument as { readonly policySha256?: string } | undefined)?.policySha256;
  if (applied !== policySha256) return bad('it runs another version of the policy', 'Run `lifeboat apply`.');
  return {
    ...about,
    state: 'ok',
    saw: found.next === null ? 'no next run' : `next run ${found.next}`,
    action: '',
  };
}
