import { Context } from '@temporalio/activity';
import type { DrillFact } from '../domain/facts.ts';

type Retries = NonNullable<DrillFact['retries']>;

/** What Temporal keeps of an event, as far as retries are concerned. */
interface Event {
  readonly eventId?: { toString(): string } | null;
  readonly activityTaskScheduledEventAttributes?: { activityType?: { name?: string | null } | null } | null;
  readonly activityTaskStartedEventAttributes?: {
    scheduledEventId?: { toString(): string } | null;
    attempt?: number | null;
    lastFailure?: { message?: string | null } | null;
  } | null;
}

/** Events of one run, in their order. */
export type ReadHistory = (run: { workflowId: string; runId: string }) => Promise<readonly Event[]>;

const MOST_CHARACTERS = 300;

export function createRetryActivities({ history }: { history: ReadHistory }) {
  return {
    /** Steps of the asking run that needed more than one attempt, as Temporal's history of it tells. */
    async readRetries(): Promise<Retries> {
      const { workflowExecution } = Context.current().info;
      if (workflowExecution === undefined) throw new Error('Only a workflow can ask for its own retries');
      return retriesIn(await history(workflowExecution));
    },
  };
}

/** The step is named by its activity; several calls of one are one entry, with the most attempts that any of them took. */
function retriesIn(events: readonly Event[]): Retries {
  const names = new Map<string, string>();
  const found = new Map<string, Retries[number]>();
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (scheduled != null) names.set(String(event.eventId), scheduled);
    const { attempt, lastFailure, scheduledEventId } = event.activityTaskStartedEventAttributes ?? {};
    if (attempt == null || attempt <= 1) continue;
    const step = names.get(String(scheduledEventId)) ?? 'unknown';
    if ((found.get(step)?.attempts ?? 0) >= attempt) continue;
    const lastError = (lastFailure?.message ?? 'not recorded').slice(0, MOST_CHARACTERS);
    found.set(step, { step, attempts: attempt, lastError });
  }
  return [...found.values()];
}
