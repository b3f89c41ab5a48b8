import type { Progress } from '../domain/progress.ts';
import type { Instant } from '../domain/units.ts';

/** The workflow types that the worker serves. */
export type RunType =
  | 'changeHold'
  | 'nightlyRun'
  | 'protectResource'
  | 'recordDecision'
  | 'recordPolicy'
  | 'restoreDrill'
  | 'restoreRequest'
  | 'retentionPass'
  | 'sweepOrphans';

export interface Run {
  readonly id: string;
  readonly type: string;
  readonly status: 'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed-out' | 'unknown';
  readonly startedAt: Instant;
  readonly endedAt: Instant | null;
}

/** A schedule as Lifeboat wants it; `catchUpSeconds` and the zone come from the policy. */
export interface WantedSchedule {
  readonly id: string;
  readonly when: { readonly cron: string; readonly timezone: string } | { readonly everySeconds: number };
  readonly catchUpSeconds: number;
  readonly type: RunType;
  readonly workflowIdPrefix: string;
  readonly argument: unknown;
}

/** A schedule as Temporal has it. `when` is null when somebody else wrote it in a way that Lifeboat does not write. */
export interface FoundSchedule {
  readonly id: string;
  readonly when: WantedSchedule['when'] | null;
  readonly catchUpSeconds: number;
  readonly overlap: string;
  readonly type: string;
  readonly workflowIdPrefix: string | null;
  readonly argument: unknown;
  readonly paused: boolean;
  readonly note: string | null;
  readonly next: Instant | null;
  readonly missed: number;
}

/**
 * Temporal, as far as the command needs it. Every method throws CouldNot for what people can mend
 * (no connection, no such run, credentials refused).
 */
export interface ControlPlane {
  readonly address: string;
  readonly namespace: string;
  /** @throws CouldNot when a run with this id exists already. */
  start(run: { readonly type: RunType; readonly id: string; readonly argument: unknown }): Promise<void>;
  /** Waits for the end. @throws CouldNot with the run's own failure. */
  result<T>(id: string): Promise<T>;
  /** Null when no worker answered in time or the run does not know the query yet. */
  progress(id: string): Promise<Progress | null>;
  query<T>(id: string, name: string): Promise<T>;
  update<T>(id: string, name: string, argument: unknown): Promise<T>;
  describe(id: string): Promise<Run | null>;
  /** Newest first. `idPrefix` narrows on the server. */
  runs(filter: { readonly type: RunType; readonly idPrefix: string; readonly limit: number }): Promise<Run[]>;
  running(): Promise<Run[]>;
  schedule(id: string): Promise<FoundSchedule | null>;
  /** Creates the schedule, or changes the one that exists and leaves its pause as it is. */
  putSchedule(wanted: WantedSchedule): Promise<void>;
  /** Workers that polled this queue within the last minutes. */
  workersOn(taskQueue: string): Promise<number>;
  close(): Promise<void>;
}
