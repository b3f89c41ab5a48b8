import { ApplicationFailure } from '@temporalio/common';
import { failure, tryAgain } from '../failures.ts';
import type { FailureType } from '../../domain/failure-types.ts';

/**
 * The error classes of the AWS contract: R transient, S wrong state for now, A already done, Q quota, C credentials, F permanent.
 * A and S are decided where the call is made, because only the caller knows its own work; the rest is decided here.
 */
export type ErrorClass = 'transient' | 'credentials' | 'denied' | 'quota' | 'permanent';

/** Name of an AWS error as the SDK gives it (shape names with `Fault` for RDS; contract §1.2). */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'Unknown';
}

export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return names.includes(nameOf(error));
}

const TRANSIENT =
  /^(Throttl|RequestLimitExceeded|TooManyRequests|SlowDown|InternalFailure|InternalError|InternalServer|ServiceUnavailable|DependencyFailure|TimeoutError|RequestTimeout|ConditionalRequestConflict|OperationAborted|KMSInternal|DependencyTimeout|Unknown$|SyntaxError$)/;
const CREDENTIALS =
  /^(ExpiredToken|RequestExpired|InvalidClientTokenId|InvalidAccessKeyId|UnrecognizedClient|CredentialsProviderError|RequestTimeTooSkewed)/;
const DENIED = /^(AccessDenied|AuthorizationError|UnauthorizedOperation|SignatureDoesNotMatch|NotAuthorized)/;
const QUOTA = /(QuotaExceeded|^LimitExceeded|Insufficient.*Capacity|^InstanceQuota|^StorageQuota)/;

/** Unmodelled names and anything that is not an AWS answer (sockets, HTML, empty bodies) count as transient: never as absence. */
export function classOf(error: unknown): ErrorClass {
  const name = nameOf(error);
  if (CREDENTIALS.test(name)) return 'credentials';
  if (DENIED.test(name)) return 'denied';
  if (QUOTA.test(name)) return 'quota';
  if (TRANSIENT.test(name)) return 'transient';
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  // 501: the other side says that it will never do this; asking again would hide it.
  const answered = typeof status === 'number' && ((status >= 400 && status < 500) || status === 501);
  return answered ? 'permanent' : 'transient';
}

export interface CallContext {
  /** What was being done, in words that complete "Could not …", for example `start the backup of orders`. */
  readonly doing: string;
  /** The failure type of a permanent refusal of this step. */
  readonly otherwise: FailureType;
  readonly forget?: () => void;
}

/**
 * Turns what an AWS call threw into what Temporal should do: transient errors pass through (the retry policy decides), expired
 * credentials are rebuilt and tried again, quotas are tried slowly, the rest is a definite failure.
 * @returns never; always throws.
 */
export function refuse(error: unknown, { doing, otherwise, forget }: CallContext): never {
  if (error instanceof ApplicationFailure) throw error;
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const details = detailsOf(error);
  switch (classOf(error)) {
    case 'transient':
      throw error;
    case 'credentials':
      forget?.();
      throw tryAgain(
        'CredentialsRejected',
        `Could not ${doing}: AWS refused the credentials (${said}).`,
        5,
        error,
      );
    case 'denied':
      throw failure(
        'PermissionMissing',
        `Could not ${doing}: the role may not do it (${said}).`,
        details,
        error,
      );
    case 'quota':
      throw tryAgain('QuotaReached', `Could not ${doing}: ${said}.`, 120, error);
    case 'permanent':
      throw failure(otherwise, `Could not ${doing}: ${said}.`, details, error);
  }
}

function detailsOf(error: unknown): Record<string, unknown> {
  const metadata = (
    error as { $metadata?: { requestId?: string; httpStatusCode?: number; attempts?: number } }
  ).$metadata;
  return {
    name: nameOf(error),
    ...(metadata?.requestId === undefined ? {} : { requestId: metadata.requestId }),
    ...(metadata?.httpStatusCode === undefined ? {} : { httpStatusCode: metadata.httpStatusCode }),
  };
}
