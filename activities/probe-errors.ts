import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { isNamed, nameOf } from './aws/errors.ts';
import { failure, tryAgain } from './failures.ts';

/** Names of errors whose messages are built from our own words only. */
const OURS = [
  'QueryRefused',
  'FingerprintUnreadable',
  'RangeError',
  'AbortError',
  'TimeoutError',
  'Throttled',
];

/**
 * What may leave the prober of an error. A driver's error may quote row content in its message, detail or stack, so an error that
 * is not known to be ours is replaced by its name and SQLSTATE.
 */
export function withoutContent(error: unknown, doing: string): unknown {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (isNamed(error, 'DatabaseUnreachable')) return tryAgain('DatabaseUnreachable', messageOf(error), 5);
  if (isNamed(error, 'FingerprintUnreadable')) return failure('FingerprintMissing', messageOf(error));
  // AWS's answers speak of ARNs and keys, never of rows.
  const fromAws = typeof error === 'object' && error !== null && '$metadata' in error;
  if (fromAws || isNamed(error, ...OURS)) return error;
  const code = (error as { code?: unknown }).code;
  const state = typeof code === 'string' ? ` (${code})` : '';
  return new Error(
    `Could not ${doing}: ${nameOf(error)}${state}. The message is withheld, because it may quote data.`,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no reason given';
}
