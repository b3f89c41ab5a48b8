import { JOB_POINTS } from '../backup/job-points.ts';

/** Where a `crash` rule can end the process as `kill -9` would. */
export const CRASH_POINTS = {
  'call.before': 'a caller is known and allowed in; nothing was done',
  'call.effect': 'all of a call is done and on disk; no answer was given',
  'job.begin': 'a background job is about to do its work',
  'job.end': 'a background job has done its work',
  'journal.append': 'journal lines are about to be written',
  'journal.torn': 'half of the journal lines is written',
  'journal.written': 'journal lines are written and not yet forced to disk',
  'journal.synced': 'journal lines are on disk, and nobody was told',
  'compact.begin': 'a journal is about to be rewritten',
  'compact.half': 'half of the new journal is written, beside the old one',
  'compact.written': 'the new journal is on disk, beside the old one',
  'compact.renamed': 'the new journal has taken the place of the old one',
  'blob.begin': "an object's bytes are about to be written",
  'blob.half': "an object's bytes are being written",
  'blob.written': "an object's bytes are on disk under a temporary name",
  'blob.renamed': "an object's bytes are on disk under their name; no record refers to them",
  'snapshot.half': "half of a database's files is copied",
} as const;
export type CrashPoint = keyof typeof CRASH_POINTS;

/** What writes to disk, and can find it full. */
export const WRITERS = ['journal', 'blob', 'snapshot'] as const;
export type Writer = (typeof WRITERS)[number];

/** Background work that can be stalled, failed or crashed, by service. */
export const JOBS = {
  rds: [
    ...['create-instance', 'restore-instance', 'modify-instance', 'reboot-instance', 'start-instance'],
    ...['run-instance', 'load-blocks'], // of an instance that is available; only rules that name them mean them
    ...[
      'stop-instance',
      'delete-instance',
      'recover-instance',
      'restore-to-time',
      'snapshot',
      'copy-snapshot',
      'delete-snapshot',
      'upgrade-snapshot',
    ],
    ...['create-cluster', 'restore-cluster', 'modify-cluster', 'stop-cluster', 'start-cluster'],
    ...['failover-cluster', 'delete-cluster', 'cluster-snapshot', 'copy-cluster-snapshot'],
    ...['delete-cluster-snapshot', 'export'],
  ],
  backup: Object.keys(JOB_POINTS),
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** One background job, as rules match it. */
export interface JobStep {
  readonly service: keyof typeof JOBS;
  /** One of `JOBS`. */
  readonly job: string;
  readonly accountId: string;
  readonly region: string;
  /** What its `resource` may be called: ids, ARNs. */
  readonly names: readonly string[];
}

/** A job that a rule failed. `outcome` is the state that it is to end in, where the service knows several. */
export class JobFault extends Error {
  readonly outcome: string | undefined;

  constructor(message: string, outcome?: string) {
    super(message);
    this.name = 'JobFault';
    this.outcome = outcome;
  }
}

export type Databases = () => readonly { readonly id: string; readonly arn: string; readonly pid: number }[];

/** Where fault rules step into what no caller waits for, and into what writes to disk. */
export interface FaultPoints {
  /**
   * A place in a job's life: waits while a rule stalls it (until the rule is cleared or the signal aborts), or ends the process.
   * @returns how a rule fails it.
   */
  at(step: JobStep, signal: AbortSignal): Promise<JobFault | undefined>;
  /**
   * Does a job's work, unless a rule fails it or ends the process; see `at`.
   * @throws JobFault
   */
  job<T>(step: JobStep, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Ends the process when a rule says so; `last` is done just before. */
  crash(point: CrashPoint, file: string, last?: () => void): void;
  /** How PostgreSQL servers are found, to be killed. */
  setDatabases(databases: Databases): void;
  /** @returns ENOSPC, to be thrown by the writer, when a rule says that the disk is full. */
  diskFull(writer: Writer, file: string): Error | undefined;
}

/** Nothing ever goes wrong. */
export const NO_FAULTS: FaultPoints = {
  at: () => Promise.resolve(undefined),
  job: (_step, _signal, work) => work(),
  crash: () => undefined,
  diskFull: () => undefined,
  setDatabases: () => undefined,
};

/** As the operating system words it. */
export function noSpace(file: string): Error {
  return Object.assign(new Error(`ENOSPC: no space left on device, write '${file}'`), {
    code: 'ENOSPC',
    errno: -28,
    syscall: 'write',
  });
}
