import type { Place } from '../platform.ts';

/**
 * Named places in the lives of jobs, for whoever injects faults: a hook is called there before the step is done, and may
 * delay it, end the job, or kill the process (a crash point). The names are an interface: they do not change.
 */
export const JOB_POINTS = {
  'backup.job.created': 'a backup job is in CREATED, before it looks at its resource',
  'backup.job.start': 'a backup job is PENDING, before its backup begins',
  'backup.job.running': 'a backup job is RUNNING and its backup has begun',
  'backup.job.finish': 'the backup is complete, before the job and its recovery point say so',
  'backup.copy.created': 'a copy job is in CREATED, before it looks at its source',
  'backup.copy.running': 'a copy job is RUNNING and its copy has begun',
  'backup.copy.finish': 'the copy is complete, before the job and its recovery point say so',
  'backup.restore.pending': 'a restore job is PENDING, before it makes anything',
  'backup.restore.running': 'a restore job is RUNNING and its resource is being made',
  'backup.restore.finish': 'the resource is there, before the job says so',
  'backup.point.delete': 'a recovery point is DELETING, before its bytes go',
} as const;

export type JobPoint = keyof typeof JOB_POINTS;

/** Where the hook is called, and for what. */
export interface JobFacts extends Place {
  /** Id of the job; for `backup.point.delete` the ARN of the point. */
  readonly id: string;
  /** ARN of the resource. */
  readonly resource: string;
  readonly vault: string;
}

/**
 * What is to happen to the job: `fail` ends it FAILED with the message; `partial`, at a `finish`, ends a backup or copy job PARTIAL
 * with a point that is PARTIAL (a restore job knows no PARTIAL and fails). At `backup.point.delete`, `fail` leaves the point EXPIRED.
 */
export interface JobFault {
  readonly kind: 'fail' | 'partial';
  readonly message: string;
}

/**
 * Called at each point. To stall a job, do not resolve; `signal` ends the wait when the job is stopped, runs out of its window, or
 * the server closes: reject then.
 */
export type JobHook = (
  point: JobPoint,
  facts: JobFacts,
  signal: AbortSignal,
) => Promise<JobFault | undefined>;
