/** No connection to the database, or it was lost. The message names host, port and cause, never a password. */
export class DatabaseUnreachable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DatabaseUnreachable';
  }
}

/**
 * The database refused a question. Carries the SQLSTATE and our own words only: the server's message and detail may quote rows.
 * The original error is deliberately not kept as `cause`.
 */
export class QueryRefused extends Error {
  readonly sqlState: string;
  /** What was being done, in our words. */
  readonly doing: string;
  /** The block that the server could not read, when it named one. */
  readonly block: number | null;

  constructor(sqlState: string, doing: string, block: number | null = null) {
    super(`PostgreSQL refused: ${doing} (SQLSTATE ${sqlState}${meaningOf(sqlState)})`);
    this.name = 'QueryRefused';
    this.sqlState = sqlState;
    this.doing = doing;
    this.block = block;
  }

  /** True when what is stored is at fault, and not the question or the role. */
  get meansDamage(): boolean {
    return /^(XX|58|22021|22P05)/.test(this.sqlState);
  }
}

/** A fingerprint file that cannot be read: altered, cut short, or of a version this build does not know. */
export class FingerprintUnreadable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FingerprintUnreadable';
  }
}

const MEANINGS: Readonly<Record<string, string>> = {
  '22023': 'invalid parameter',
  '25006': 'read-only transaction',
  '3F000': 'no such schema',
  '42501': 'permission denied',
  '42703': 'no such column',
  '42704': 'no such object',
  '42883': 'no such function',
  '42P01': 'no such table',
  '53200': 'out of memory',
  '54001': 'stack depth exceeded',
  '55P03': 'lock not available',
  '57014': 'cancelled or timed out',
  '58P01': 'file missing',
  '58030': 'input/output error',
  '0A000': 'not supported',
  XX000: 'internal error',
  XX001: 'data corrupted',
  XX002: 'index corrupted',
};

function meaningOf(sqlState: string): string {
  const meaning = MEANINGS[sqlState];
  return meaning === undefined ? '' : `, ${meaning}`;
}
