import {
  Client,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
  type ScheduleDescription,
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  type ScheduleUpdateOptions,
  type Workflow,
  type WorkflowExecutionInfo,
} from '@temporalio/client';
import { TASK_QUEUE } from '../domain/names.ts';
import type { Progress } from '../domain/progress.ts';
import type { TemporalSettings } from '../worker/temporal-connection.ts';
import type { ControlPlane, FoundSchedule, Run, WantedSchedule } from './control-plane.ts';
import { openChannel, throughOutages, type TemporalChannel } from './temporal-channel.ts';
import { explainTemporal } from './temporal-errors.ts';

const CONNECT_MS = 5_000;
const CALL_MS = 15_000;
const QUERY_MS = 5_000;

/** @throws CouldNot when Temporal does not answer or refuses the credentials. */
export async function connectControlPlane({
  address,
  namespace,
  connection: options,
}: TemporalSettings): Promise<ControlPlane> {
  const explain = (err: unknown): never => explainTemporal(err, { address, namespace });
  const channel = await openChannel({ ...options, connectTimeout: CONNECT_MS }).catch(explain);
  const { connection } = channel;
  const client = new Client({ connection, namespace });
  const call = <T>(ask: () => Promise<T>, ms = CALL_MS): Promise<T> =>
    connection.withDeadline(Date.now() + ms, ask).catch(explain);
  const answers = (): Promise<boolean> =>
    connection
      .withDeadline(Date.now() + QUERY_MS, () => connection.workflowService.getSystemInfo({}))
      .then(
        () => true,
        () => false,
      );
  const orNull = <T>(ask: Promise<T>): Promise<T | null> =>
    ask.catch((err: unknown) => {
      if (err instanceof WorkflowNotFoundError || err instanceof ScheduleNotFoundError) return null;
      throw err;
    });
  const list = async (query: string, limit: number): Promise<Run[]> => {
    const runs: Run[] = [];
    for await (const info of client.workflow.list({ query, pageSize: Math.min(limit, 200) })) {
      runs.push(runOf(info));
      if (runs.length === limit) break;
    }
    return runs;
  };

  return {
    address,
    namespace,
    async start({ type, id, argument }) {
      await call(() =>
        client.workflow.start(type, {
          workflowId: id,
          taskQueue: TASK_QUEUE,
          args: [argument],
          workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        }),
      );
    },
    result: (id) => throughOutages(() => client.workflow.getHandle(id).result(), answers).catch(explain),
    async progress(id) {
      try {
        return await connection.withDeadline(Date.now() + QUERY_MS, () =>
          client.workflow.getHandle(id).query<Progress>('progress'),
        );
      } catch (err) {
        // A run that nobody works on, or that has not got to its first line, cannot answer; the caller says so.
        if (err instanceof WorkflowNotFoundError) return explain(err);
        return null;
      }
    },
    query: (id, name) => call(() => client.workflow.getHandle(id).query(name)),
    update: (id, name, argument) =>
      client.workflow
        .getHandle(id)
        .executeUpdate<never, [unknown]>(name, { args: [argument] })
        .catch(explain),
    describe: async (id) => {
      const info = await orNull(
        connection.withDeadline(Date.now() + CALL_MS, () => client.workflow.getHandle(id).describe()),
      ).catch(explain);
      return info === null ? null : runOf(info);
    },
    runs: ({ type, idPrefix, limit }) =>
      list(`WorkflowType = '${type}' AND WorkflowId STARTS_WITH '${quoted(idPrefix)}'`, limit)
        .then((runs) => runs.sort(newestFirst))
        .catch(explain),
    running: () =>
      list("ExecutionStatus = 'Running'", 500)
        .then((runs) => runs.sort(newestFirst))
        .catch(explain),
    async schedule(id) {
      const found = await orNull(
        connection.withDeadline(Date.now() + CALL_MS, () => client.schedule.getHandle(id).describe()),
      ).catch(explain);
      return found === null ? null : scheduleFound(found);
    },
    async putSchedule(wanted) {
      const options = scheduleOptions(wanted);
      await call(async () => {
        try {
          await client.schedule.getHandle(wanted.id).update(({ state }) => ({ ...options, state }));
        } catch (err) {
          if (!(err instanceof ScheduleNotFoundError)) throw err;
          await client.schedule.create({ scheduleId: wanted.id, ...options });
        }
      });
    },
    async workersOn(taskQueue) {
      // Workflow tasks (1) and activity tasks (2) are two queues of one name; a prober polls the second only.
      const asked = [1, 2].map((taskQueueType) => ({
        namespace,
        taskQueue: { name: taskQueue },
        taskQueueType,
      }));
      const questions = asked as unknown as readonly TaskQueueQuestion[];
      const answers = await call(() =>
        Promise.all(questions.map((question) => connection.workflowService.describeTaskQueue(question))),
      );
      return Math.max(...answers.map(({ pollers }) => pollers.length));
    },
    close: () => channel.close(),
  };
}

type TaskQueueQuestion = Parameters<TemporalChannel['connection']['workflowService']['describeTaskQueue']>[0];

type Options = ScheduleUpdateOptions<ScheduleOptionsStartWorkflowAction<Workflow>> &
  Omit<ScheduleOptions<ScheduleOptionsStartWorkflowAction<Workflow>>, 'scheduleId' | 'state'>;

/** The comment keeps the expression as it was written: Temporal itself stores only what it was compiled to. */
function scheduleOptions(wanted: WantedSchedule): Omit<Options, 'state'> {
  const { when } = wanted;
  return {
    spec:
      'cron' in when
        ? { cronExpressions: [`${when.cron} #${when.cron}`], timezone: when.timezone }
        : { intervals: [{ every: `${when.everySeconds}s` }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: `${wanted.catchUpSeconds}s` },
    action: {
      type: 'startWorkflow',
      workflowType: wanted.type,
      workflowId: wanted.workflowIdPrefix,
      taskQueue: TASK_QUEUE,
      args: [wanted.argument],
    },
  };
}

function scheduleFound(found: ScheduleDescription): FoundSchedule {
  const { spec, policies, action, state, info } = found;
  const cron = spec.calendars?.[0]?.comment?.trim() ?? '';
  const interval = spec.intervals?.[0];
  const timezone = (spec.timezone ?? '') === '' ? 'UTC' : (spec.timezone ?? 'UTC');
  const when: FoundSchedule['when'] =
    cron !== ''
      ? { cron, timezone }
      : interval === undefined
        ? null
        : { everySeconds: interval.every / 1000 };
  return {
    id: found.scheduleId,
    when,
    catchUpSeconds: policies.catchupWindow / 1000,
    overlap: (policies.overlap as string | undefined) ?? 'UNSPECIFIED',
    type: action.workflowType,
    workflowIdPrefix: action.workflowId,
    argument: (action.args as readonly unknown[] | undefined)?.[0],
    paused: state.paused,
    note: state.note ?? null,
    next: info.nextActionTimes[0]?.toISOString() ?? null,
    missed: info.numActionsMissedCatchupWindow,
  };
}

const STATUS: Readonly<Record<string, Run['status']>> = {
  RUNNING: 'running',
  PAUSED: 'running',
  CONTINUED_AS_NEW: 'running',
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed-out',
};

type RunInfo = Pick<WorkflowExecutionInfo, 'workflowId' | 'type' | 'status' | 'startTime'> & {
  readonly closeTime?: Date | undefined;
};

function runOf({ workflowId, type, status, startTime, closeTime }: RunInfo): Run {
  return {
    id: workflowId,
    type,
    status: STATUS[status.name] ?? 'unknown',
    startedAt: startTime.toISOString(),
    endedAt: closeTime?.toISOString() ?? null,
  };
}

const newestFirst = (a: Run, b: Run): number => Date.parse(b.startedAt) - Date.parse(a.startedAt);
const quoted = (text: string): string => text.replaceAll("'", "''");
