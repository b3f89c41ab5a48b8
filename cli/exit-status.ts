/** What the shell is told. */
export const EXIT = {
  /** Done, and what was to be verified is verified. */
  ok: 0,
  /** A verdict failed or is inconclusive, or evidence does not verify. */
  notVerified: 1,
  /** It could not be done or could not be checked. */
  couldNot: 2,
  /** Ctrl-C while waiting: the run goes on, its end is unknown here. */
  detached: 130,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** An expected refusal: one message for people, no stack trace, exit status 2. */
export class CouldNot extends Error {
  override readonly name = 'CouldNot';
  /** What to do about it; empty when the message says it all. */
  readonly action: string;

  constructor(message: string, action = '', cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.action = action;
  }
}

/** Somebody pressed Ctrl-C while a run was watched. */
export class Detached extends Error {
  override readonly name = 'Detached';
  readonly runId: string;

  constructor(runId: string) {
    super(`Detached: ${runId} goes on without this terminal.`);
    this.runId = runId;
  }
}
