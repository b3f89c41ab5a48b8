import {
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import {
  ApplicationFailure,
  CancelledFailure,
  NamespaceNotFoundError,
  TerminatedFailure,
} from '@temporalio/common';
import { FAILURES, type FailureType } from '../domain/failure-types.ts';
import { CouldNot } from './exit-status.ts';

/** gRPC status codes that people can mend. */
const GRPC = { cancelled: 1, deadline: 4, permission: 7, unavailable: 14, unauthenticated: 16 } as const;

/** @throws CouldNot for what people can mend; anything else is thrown as it came. */
export function explainTemporal(
  err: unknown,
  { address, namespace }: { readonly address: string; readonly namespace: string },
): never {
  if (err instanceof CouldNot) throw err;
  if (err instanceof WorkflowFailedError || err instanceof WorkflowUpdateFailedError) throw runFailed(err);
  if (err instanceof WorkflowExecutionAlreadyStartedError)
    throw new CouldNot(
      `A run with the id ${err.workflowId} exists already.`,
      'Each run happens once. Wait a second and start a new one, or look at it with `lifeboat status`.',
      err,
    );
  if (err instanceof WorkflowNotFoundError)
    throw new CouldNot(
      `There is no run with the id ${err.workflowId}.`,
      'See what runs with `lifeboat status`.',
      err,
    );
  if (err instanceof NamespaceNotFoundError)
    throw new CouldNot(
      `Temporal at ${address} has no namespace "${namespace}".`,
      'Set TEMPORAL_NAMESPACE to one that exists, or create it.',
      err,
    );
  const status = innermost(err, isGrpcServiceError);
  const code: number | undefined = status?.code;
  if (code === GRPC.unauthenticated || code === GRPC.permission)
    throw new CouldNot(
      `Temporal at ${address} refused the credentials: ${status?.details ?? ''}`,
      'Check TEMPORAL_API_KEY, or TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY.',
      err,
    );
  if (
    code === GRPC.unavailable ||
    code === GRPC.deadline ||
    (err instanceof Error &&
      /failed to connect|connect.*timed? ?out|No connection established/i.test(err.message))
  )
    throw new CouldNot(
      `Temporal at ${address} does not answer.`,
      'Start it (`npm start` runs one on this computer), or set TEMPORAL_ADDRESS to where it is.',
      err,
    );
  throw withCause(err);
}

/** A run's own failure in words: the innermost reason, and what its type asks people to do. */
function runFailed(err: WorkflowFailedError | WorkflowUpdateFailedError): CouldNot {
  const reason = innermost(err, (e): e is ApplicationFailure => e instanceof ApplicationFailure);
  if (reason !== undefined) {
    const known = FAILURES[reason.type as FailureType] as { action: string } | undefined;
    return new CouldNot(reason.message, known?.action ?? '', err);
  }
  const stopped = innermost(
    err,
    (e): e is Error => e instanceof CancelledFailure || e instanceof TerminatedFailure,
  );
  if (stopped !== undefined)
    return new CouldNot(
      'The run was stopped before its end.',
      'Look at it in Temporal, then start a new one.',
      err,
    );
  return new CouldNot(err.cause?.message ?? err.message, '', err);
}

/** The deepest error in the chain of causes that `is` accepts. */
function innermost<E>(err: unknown, is: (err: unknown) => err is E): E | undefined {
  let found: E | undefined;
  for (let at: unknown = err; at !== undefined && at !== null; at = (at as { cause?: unknown }).cause)
    if (is(at)) found = at;
  return found;
}

function withCause(err: unknown): Error {
  return err instanceof Error ? err : new Error(String(err));
}
