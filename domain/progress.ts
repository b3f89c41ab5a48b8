import type { Instant } from './units.ts';

/** What a running workflow answers to its `progress` query; the terminal and the console draw it. */
export interface Progress {
  readonly steps: readonly StepProgress[];
}

export interface StepProgress {
  readonly step: string;
  readonly state: 'waiting' | 'running' | 'done' | 'failed';
  readonly startedAt: Instant | null;
  readonly endedAt: Instant | null;
  readonly detail: string;
}
