import { InvalidParameterValueException } from '@aws-sdk/client-backup';
import { fault } from './faults.ts';

const MARK = 'after:';
const BEHIND_ALL = '\uffff';

interface PageRequest {
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

/** One page, newest first, in an order that items which come and go do not disturb. `emptyFirst`: the first page holds nothing yet. */
export function page<T>(
  items: readonly T[],
  key: (item: T) => string,
  { MaxResults = 1000, NextToken }: PageRequest,
  emptyFirst = false,
): { items: T[]; NextToken: string | undefined } {
  if (MaxResults < 1 || MaxResults > 1000)
    throw fault(
      InvalidParameterValueException,
      `MaxResults must be between 1 and 1000; it is ${MaxResults}.`,
    );
  if (emptyFirst && NextToken === undefined) return { items: [], NextToken: tokenOf(BEHIND_ALL) };
  const sorted = [...items].sort((a, b) => (key(a) < key(b) ? 1 : key(a) > key(b) ? -1 : 0));
  const before = NextToken === undefined ? undefined : keyIn(NextToken);
  const rest = before === undefined ? sorted : sorted.filter((item) => key(item) < before);
  const chosen = rest.slice(0, MaxResults);
  const last = chosen.at(-1);
  const more = rest.length > chosen.length && last !== undefined;
  return { items: chosen, NextToken: more ? tokenOf(key(last)) : undefined };
}

function tokenOf(key: string): string {
  return Buffer.from(`${MARK}${key}`).toString('base64url');
}

/** @throws InvalidParameterValueException for what is no token of ours. */
function keyIn(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!text.startsWith(MARK)) throw fault(InvalidParameterValueException, 'The NextToken is not valid.');
  return text.slice(MARK.length);
}

/** Whether an instant lies in an open interval. */
export function within(at: string | undefined, after: Date | undefined, before: Date | undefined): boolean {
  if (after === undefined && before === undefined) return true;
  if (at === undefined) return false;
  return (
    (after === undefined || at > after.toISOString()) && (before === undefined || at < before.toISOString())
  );
}
