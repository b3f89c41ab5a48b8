import { createHash } from 'node:crypto';
import { InvalidParameterValueException } from '@aws-sdk/client-backup';
import type { Change, Place } from '../platform.ts';
import { fault } from './faults.ts';
import { keyOf } from './names.ts';
import type { BackupStore } from './store.ts';

/** Idempotency of one call: the same token with the same request gets the same answer. */
export interface Ticket {
  /** What an earlier call with the token got. */
  readonly known: string | undefined;
  /** Remembers what this call gets; to be done together with making it, or a crash in between makes it twice. */
  readonly keeping: (id: string) => readonly Change[];
}

/** @throws InvalidParameterValueException when the token was used for another request. */
export function ticketFor(
  store: BackupStore,
  place: Place,
  operation: string,
  input: { readonly IdempotencyToken?: string | undefined },
): Ticket {
  const { IdempotencyToken: token, ...request } = input;
  if (token === undefined) return { known: undefined, keeping: () => [] };
  const key = keyOf(place, `${operation}/${token}`);
  const digest = createHash('sha256').update(canonical(request)).digest('hex');
  const found = store.tokens.get(key);
  if (typeof found === 'object' && found.digest !== digest)
    throw fault(
      InvalidParameterValueException,
      `The idempotency token ${token} was used for another ${operation} request: use a new token for other parameters.`,
    );
  const known = typeof found === 'object' ? found.id : found;
  return { known, keeping: (id) => [store.tokens.putting(key, { id, digest })] };
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part) && !(part instanceof Date)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
