import { defineQuery, log, setHandler } from '@temporalio/workflow';
import type { Timing } from '../domain/facts.ts';
import type { Progress, StepProgress } from '../domain/progress.ts';

export const progressQuery = defineQuery<Progress>('progress');

export interface Tracker {
  /** Runs one step, and shows it as running, done or failed. Rethrows what the step throws. */
  readonly step: <T>(name: string, work: () => Promise<T>, detail?: (result: T) => string) => Promise<T>;
  /** Start and length of every step that has ended, by Temporal's clock. */
  readonly timings: () => Timing[];
}

/** Answers the `progress` query from the first moment on. @param names the steps that are expected, in order. */
export function trackProgress(names: readonly string[]): Tracker {
  const steps = new Map<string, StepProgress>(names.map((step) => [step, waiting(step)]));
  setHandler(progressQuery, () => ({ steps: [...steps.values()] }));

  return {
    step: async (name, work, detail = () => '') => {
      const startedAt = now();
      steps.set(name, { step: name, state: 'running', startedAt, endedAt: null, detail: '' });
      try {
        const result = await work();
        steps.set(name, { step: name, state: 'done', startedAt, endedAt: now(), detail: detail(result) });
        return result;
      } catch (error) {
        steps.set(name, { step: name, state: 'failed', startedAt, endedAt: now(), detail: '' });
        log.warn('step failed', { step: name });
        throw error;
      }
    },
    timings: () =>
      [...steps.values()].flatMap(({ step, startedAt, endedAt }) =>
        startedAt === null || endedAt === null
          ? []
          : [{ step, startedAt, seconds: (Date.parse(endedAt) - Date.parse(startedAt)) / 1000 }],
      ),
  };
}

function waiting(step: string): StepProgress {
  return { step, state: 'waiting', startedAt: null, endedAt: null, detail: '' };
}

function now(): string {
  return new Date().toISOString();
}
