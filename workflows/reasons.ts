import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  isCancellation,
  TimeoutFailure,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { FailureType } from '../domain/failure-types.ts';

/** Why a step failed, in one sentence for people; from the innermost failure that says something. */
export function reasonOf(error: unknown): string {
  if (isCancellation(error)) return 'it was cancelled';
  if (error instanceof WorkflowExecutionAlreadyStartedError) return 'another run holds this slot';
  if (error instanceof ActivityFailure) {
    if (error.cause instanceof TimeoutFailure)
      return `${error.activityType} did not end in time (${error.cause.timeoutType})`;
    return error.cause === undefined ? `${error.activityType} failed` : reasonOf(error.cause);
  }
  if (error instanceof ChildWorkflowFailure)
    return error.cause === undefined ? error.message : reasonOf(error.cause);
  return error instanceof Error ? error.message : String(error);
}

/** The type of a definite failure; undefined for time-outs, cancellation and bugs. */
export function failureTypeOf(error: unknown): FailureType | undefined {
  if (error instanceof ActivityFailure || error instanceof ChildWorkflowFailure)
    return failureTypeOf(error.cause);
  return error instanceof ApplicationFailure ? (error.type as FailureType | undefined) : undefined;
}

/**
 * Errors of workflow code itself are bugs: they must stop the workflow task until a fix is deployed, and never become a verdict.
 */
export function isStepFailure(error: unknown): boolean {
  return (
    isCancellation(error) ||
    error instanceof ActivityFailure ||
    error instanceof ChildWorkflowFailure ||
    error instanceof ApplicationFailure ||
    error instanceof WorkflowExecutionAlreadyStartedError
  );
}

/** A definite refusal that workflow code itself decides; the counterpart of what activities throw. */
export function refusal(type: FailureType, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, type);
}
