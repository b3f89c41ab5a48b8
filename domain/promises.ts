/**
 * What may be promised about backups, as predicates over evidence. Each kind is decided by statements alone
 * (evidence/promises); a kind without statements is listed so that nobody takes silence for a proof.
 */
export const PROMISE_KINDS = [
  'backed-up',
  'encrypted',
  'other-region',
  'other-account',
  'immutable',
  'kept',
  'removed',
  'points',
  'recovered',
  'rto',
  'rpo',
  'access',
  'residency',
] as const;
export type PromiseKind = (typeof PROMISE_KINDS)[number];

/** Companies promise these, too. No statement speaks of them yet, so they are never more than "not provable". */
export const UNPROVEN_KINDS = [
  'point-in-time',
  'federated-sign-in',
  'keys-untouched',
  'monitored',
  'other-cloud',
] as const;
export type UnprovenKind = (typeof UNPROVEN_KINDS)[number];

/** Why a kind cannot be proven, as the end of a sentence. */
export const WHY_UNPROVEN: Readonly<Record<UnprovenKind, string>> = {
  'point-in-time': 'no statement says to which instants a resource can be restored',
  'federated-sign-in': 'no statement says how people sign in',
  'keys-untouched': 'no statement says who used or changed the keys',
  monitored: 'no statement says what CloudTrail, Config and SNS are set to',
  'other-cloud': 'Lifeboat protects resources of AWS only',
};

/** The one parameter that each kind needs; null: none. */
export const PARAMETER_OF = {
  'backed-up': 'every',
  encrypted: null,
  'other-region': null,
  'other-account': null,
  immutable: null,
  kept: 'atLeast',
  removed: 'within',
  points: 'count',
  recovered: 'within',
  rto: 'atMost',
  rpo: 'atMost',
  access: 'within',
  residency: 'regions',
  'point-in-time': null,
  'federated-sign-in': null,
  'keys-untouched': null,
  monitored: null,
  'other-cloud': null,
} as const satisfies Readonly<Record<PromiseKind | UnprovenKind, string | null>>;

export interface Predicate {
  readonly kind: PromiseKind | UnprovenKind;
  readonly every?: string | undefined;
  readonly within?: string | undefined;
  readonly atLeast?: string | undefined;
  readonly atMost?: string | undefined;
  readonly count?: number | undefined;
  readonly regions?: readonly string[] | undefined;
}

/** A sentence that a company publishes, and what must hold for it to be true. */
export interface PublishedPromise {
  readonly name: string;
  readonly says: string;
  readonly resources?: readonly string[] | undefined;
  readonly holds: readonly Predicate[];
}

export const PREDICATE_PARAMETERS = ['every', 'within', 'atLeast', 'atMost', 'count', 'regions'] as const;

export function isUnproven(kind: Predicate['kind']): kind is UnprovenKind {
  return (UNPROVEN_KINDS as readonly string[]).includes(kind);
}

/** The predicate in words: `backed up at least every 24h`. */
export function predicateText(predicate: Predicate): string {
  const { kind, every, within, atLeast, atMost, count, regions } = predicate;
  switch (kind) {
    case 'backed-up':
      return `backed up at least every ${every ?? '?'}`;
    case 'encrypted':
      return 'every recovery point is encrypted';
    case 'other-region':
      return 'a copy lies in another region than the resource';
    case 'other-account':
      return 'a copy lies in another account than the resource';
    case 'immutable':
      return 'the last copy lies under an immutable lock, as read back';
    case 'kept':
      return `kept for at least ${atLeast ?? '?'}`;
    case 'removed':
      return `gone after ${within ?? '?'}`;
    case 'points':
      return `at least ${count ?? '?'} recovery points exist`;
    case 'recovered':
      return `a recovery was simulated, and passed, within every ${within ?? '?'}`;
    case 'rto':
      return `recovered and verified within ${atMost ?? '?'}`;
    case 'rpo':
      return `at most ${atMost ?? '?'} of data lost`;
    case 'access':
      return `access to restored data ends within ${within ?? '?'}`;
    case 'residency':
      return `data only in ${regions?.join(', ') ?? '?'}`;
    case 'point-in-time':
      return 'restorable to any point in time';
    case 'federated-sign-in':
      return 'people sign in through a federated identity only';
    case 'keys-untouched':
      return 'nobody touches the encryption keys';
    case 'monitored':
      return 'monitored by CloudTrail, Config and SNS';
    case 'other-cloud':
      return 'the same for databases of another cloud';
  }
}
