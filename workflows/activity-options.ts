import type { ActivityOptions } from '@temporalio/workflow';

/** The worker beats every 5 s for whatever it runs; a lost worker is seen after 20 s, not at the deadline of the step. */
const BEATING = { heartbeatTimeout: '20 seconds' } as const;

/** One control-plane call. Six attempts ride out about half a minute of throttling. */
export const QUICK_CALL = {
  ...BEATING,
  startToCloseTimeout: '5 minutes',
  retry: { initialInterval: '1 second', maximumAttempts: 6 },
} satisfies ActivityOptions;

/**
 * A call that starts something at AWS. Repeated until its outcome is known, because "perhaps started" cannot be cleaned up; only a
 * definite refusal ends it.
 */
export const UNTIL_KNOWN = {
  ...BEATING,
  startToCloseTimeout: '5 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
} satisfies ActivityOptions;

const WAIT = { ...BEATING, retry: { initialInterval: '1 second', maximumInterval: '1 minute' } } as const;

/** Deadlines of the AWS contract (§1.6). Over all attempts: a worker that is lost does not buy more time. */
export const WAIT_FOR_BACKUP = { ...WAIT, scheduleToCloseTimeout: '10 hours' } satisfies ActivityOptions;
export const WAIT_FOR_COPY = { ...WAIT, scheduleToCloseTimeout: '24 hours' } satisfies ActivityOptions;
export const WAIT_FOR_RESTORE = { ...WAIT, scheduleToCloseTimeout: '3 hours' } satisfies ActivityOptions;
export const WAIT_FOR_ACCESS = { ...WAIT, scheduleToCloseTimeout: '20 minutes' } satisfies ActivityOptions;
export const WAIT_FOR_DELETION = { ...WAIT, scheduleToCloseTimeout: '1 hour' } satisfies ActivityOptions;

/**
 * Work inside a network. A prober that is not there must not hold a night for ever: after a quarter of an hour in the queue the
 * question counts as not asked.
 */
export const PROBE = {
  ...BEATING,
  scheduleToStartTimeout: '15 minutes',
  startToCloseTimeout: '4 hours',
  retry: { initialInterval: '2 seconds', maximumAttempts: 4 },
} satisfies ActivityOptions;

/** Evidence must be written: a refusal is definite, everything else is repeated for a day. */
export const EVIDENCE = {
  ...BEATING,
  startToCloseTimeout: '5 minutes',
  scheduleToCloseTimeout: '1 day',
  retry: { initialInterval: '1 second', maximumInterval: '2 minutes' },
} satisfies ActivityOptions;
