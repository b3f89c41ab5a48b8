import { ApplicationFailure } from '@temporalio/common';
import type { FailureType } from '../domain/failure-types.ts';

/**
 * A definite refusal: the workflow decides, nobody retries. `message` says what, which one and what to do; `details` are for programs.
 */
export function failure(
  type: FailureType,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    details: [details],
    nonRetryable: true,
    ...(cause instanceof Error ? { cause } : {}),
  });
}

/** Not yet: Temporal tries again after `seconds`, which is what a quota or a propagation delay wants. */
export function tryAgain(
  type: FailureType,
  message: string,
  seconds: number,
  cause?: unknown,
): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: false,
    nextRetryDelay: `${seconds} seconds`,
    ...(cause instanceof Error ? { cause } : {}),
  });
}
