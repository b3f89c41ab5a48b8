/** One page of a listing. `next` is the token for the page after it. */
export interface Page<T> {
  readonly items: T[];
  readonly next: string | undefined;
}

export interface PageRequest {
  readonly limit: number;
  readonly token: string | undefined;
  /** What a token that is none of ours is answered with. */
  readonly refuse: () => Error;
}

/** Sorts by `key` and takes one page: a token names the last key given, so it survives items that come and go. */
export function pageBy<T>(
  items: Iterable<T>,
  key: (item: T) => string,
  { limit, token, refuse }: PageRequest,
): Page<T> {
  const sorted = [...items]
    .map((item) => [key(item), item] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const after = token === undefined ? undefined : readToken(token, refuse);
  const rest = after === undefined ? sorted : sorted.filter(([own]) => own > after);
  const chosen = rest.slice(0, limit);
  const last = chosen.at(-1);
  return {
    items: chosen.map(([, item]) => item),
    next: last && rest.length > chosen.length ? writeToken(last[0]) : undefined,
  };
}

const MARK = 'p1.';

function writeToken(key: string): string {
  return MARK + Buffer.from(key).toString('base64url');
}

function readToken(token: string, refuse: () => Error): string {
  if (!token.startsWith(MARK)) throw refuse();
  return Buffer.from(token.slice(MARK.length), 'base64url').toString('utf8');
}
