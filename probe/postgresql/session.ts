import pg from 'pg';
import { DatabaseUnreachable, QueryRefused } from '../errors.ts';
import type { ProbeTarget } from '../engine.ts';
import { socketFrom, tlsOptions } from './socket.ts';

export type Row = Readonly<Record<string, unknown>>;
type QueryParameter = string | number | null | readonly (string | number)[];

const CONNECT_TIMEOUT_MS = 15_000;
/** No question to a source is longer than this: work there is cut into chunks well below it. */
const STATEMENT_TIMEOUT = '5min';
/** A copy is nobody's but ours, and one index of it may be large; whoever runs the check has a deadline of its own. */
const COPY_STATEMENT_TIMEOUT = '6h';

/**
 * What every session pins, so that values and names come out the same on every server and from every role.
 * `row_security=off` turns silent filtering into an error.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  search_path: 'pg_catalog',
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '3',
  xmloption: 'content',
  row_security: 'off',
  jit: 'off',
  lock_timeout: '3s',
  idle_in_transaction_session_timeout: '10min',
  statement_timeout: STATEMENT_TIMEOUT,
  client_min_messages: 'warning',
};

const AS_TEXT: pg.CustomTypesConfig = { getTypeParser: () => (value: string) => value };

/** One connection. Errors are ours: no text of the server ever leaves, because its details quote rows. */
export class Session {
  readonly database: string;
  readonly #client: pg.Client;
  readonly #target: ProbeTarget;
  readonly #signal: AbortSignal;
  #lost: Error | null = null;

  private constructor(target: ProbeTarget, database: string, client: pg.Client, signal: AbortSignal) {
    this.database = database;
    this.#target = target;
    this.#client = client;
    this.#signal = signal;
    client.on('error', (error) => (this.#lost ??= error));
    signal.addEventListener('abort', this.#cut, { once: true });
  }

  /** @throws DatabaseUnreachable, or the signal's reason. */
  static async open(target: ProbeTarget, database: string, signal: AbortSignal): Promise<Session> {
    signal.throwIfAborted();
    const client = new pg.Client({
      host: target.host,
      port: target.port,
      user: target.user,
      password: target.password,
      database,
      ssl: tlsOptions(target),
      stream: () => socketFrom(target.localAddress),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      application_name: 'lifeboat-probe',
    });
    const session = new Session(target, database, client, signal);
    try {
      await client.connect();
      await client.query(
        Object.entries(SETTINGS)
          .map(([name, value]) => `SET ${name} = '${value}'`)
          .join(';'),
      );
      return session;
    } catch (error) {
      await session.close();
      signal.throwIfAborted();
      throw session.#refusedAtTheDoor(error);
    }
  }

  /** Runs one question and returns its rows. `doing` completes "PostgreSQL refused: …". */
  async rows<R extends Row = Row>(
    doing: string,
    sql: string,
    values?: readonly QueryParameter[],
  ): Promise<R[]> {
    this.#signal.throwIfAborted();
    if (this.#lost !== null) throw this.#unreachable(this.#lost);
    try {
      const result = await this.#client.query<R>(sql, values === undefined ? undefined : [...values]);
      // Several statements in one text give one result each; the last one is the answer.
      const answers = Array.isArray(result) ? (result as pg.QueryResult<R>[]) : [result];
      return answers.at(-1)?.rows ?? [];
    } catch (error) {
      this.#signal.throwIfAborted();
      throw this.#translate(error, doing);
    }
  }

  /** @throws QueryRefused when the answer is not exactly one row. */
  async row<R extends Row = Row>(doing: string, sql: string, values?: readonly QueryParameter[]): Promise<R> {
    const rows = await this.rows<R>(doing, sql, values);
    const [first] = rows;
    if (first === undefined || rows.length > 1) throw new QueryRefused('P0003', `${doing}: one row expected`);
    return first;
  }

  /**
   * Runs one statement that somebody else wrote: never several, and no more than `most` rows come back, as texts in the order of the columns.
   */
  async foreign(doing: string, sql: string, most: number): Promise<(string | null)[][]> {
    this.#signal.throwIfAborted();
    if (this.#lost !== null) throw this.#unreachable(this.#lost);
    try {
      // `queryMode` and `rows` are options of pg that its types do not list.
      const config = {
        text: sql,
        rowMode: 'array',
        rows: most,
        queryMode: 'extended',
        types: AS_TEXT,
      } as const;
      const { rows } = await this.#client.query<(string | null)[]>(config);
      return rows;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw this.#translate(error, doing);
    }
  }

  async run(doing: string, sql: string): Promise<void> {
    await this.rows(doing, sql);
  }

  /** Safe to call twice; never throws. */
  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#cut);
    try {
      await this.#client.end();
    } catch {
      // Already gone, which is what was wanted.
    }
  }

  /** Aborting cuts the connection at once and asks the server, on a second one, to stop the running statement. */
  readonly #cut = () => {
    const { processID, secretKey } = this.#client as unknown as { processID?: number; secretKey?: unknown };
    if (processID !== undefined && typeof secretKey === 'number') cancel(this.#target, processID, secretKey);
    const { connection } = this.#client as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
  };

  #translate(error: unknown, doing: string): Error {
    const code = (error as { code?: unknown }).code;
    const isServerError = error instanceof pg.DatabaseError;
    // Class 57P: the server is being shut down or crashed under us.
    if (isServerError && typeof code === 'string' && !code.startsWith('57P')) {
      return new QueryRefused(code, doing, blockNamedBy(error));
    }
    return this.#unreachable(error);
  }

  /** A database that is missing or damaged refuses at the door; that says something about it and not about the way to it. */
  #refusedAtTheDoor(error: unknown): Error {
    const code = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
    const aboutTheDatabase = code === '3D000' || new QueryRefused(code, '').meansDamage;
    return aboutTheDatabase
      ? new QueryRefused(code, `connect to ${this.database}`)
      : this.#unreachable(error);
  }

  #unreachable(error: unknown): DatabaseUnreachable {
    const { host, port, user } = this.#target;
    // A refused login carries no rows; its text tells role and database apart, which people need.
    const { code, message } = error as { code?: unknown; message?: unknown };
    const text = typeof message === 'string' ? message : 'unknown cause';
    const cause = typeof code === 'string' ? `${code}: ${text}` : text;
    return new DatabaseUnreachable(
      `cannot talk to PostgreSQL at ${host}:${port}, database ${this.database}, as ${user} (${cause})`,
    );
  }
}

/** Only digits are taken out of the server's words. From 18 on, the detail names the first bad block of several. */
function blockNamedBy({ message, detail }: pg.DatabaseError): number | null {
  const named =
    /^Block (\d+) held the first/.exec(detail ?? '') ?? /\bin block (\d+) of relation/.exec(message);
  return named?.[1] === undefined ? null : Number(named[1]);
}

/** PostgreSQL's CancelRequest. Best effort: the statement time-out ends what it does not. */
function cancel(target: ProbeTarget, processId: number, secretKey: number): void {
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(80_877_102, 4);
  request.writeInt32BE(processId, 8);
  request.writeInt32BE(secretKey, 12);
  const socket = socketFrom(target.localAddress);
  socket.on('error', () => socket.destroy());
  socket.setTimeout(2_000, () => socket.destroy());
  socket.once('connect', () => socket.end(request));
  socket.connect(target.port, target.host);
}

/** Opens a session on a copy, hands it over, and closes it whatever happens. */
export async function withCopySession<T>(
  target: ProbeTarget,
  database: string,
  signal: AbortSignal,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.open(target, database, signal);
  try {
    await session.run('be patient', `SET statement_timeout = '${COPY_STATEMENT_TIMEOUT}'`);
    return await use(session);
  } finally {
    await session.close();
  }
}
