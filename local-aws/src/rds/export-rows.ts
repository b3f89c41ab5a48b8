import { type Client, escapeIdentifier } from 'pg';
import type { ExportColumn, ExportTable } from './export-catalogue.ts';
import type { RowGroup } from './export-parquet.ts';

/** About what one row group may weigh in memory. */
const GROUP_BYTES = 4 * 1024 * 1024;
const MOST_ROWS = 50_000;
const FIRST_ROWS = 64;

/** The table's bytes cannot be read, for example because they are damaged. */
export class TableUnreadable extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'TableUnreadable';
  }
}

/**
 * Reads a table through a cursor, row group by row group; how many rows fit is learnt from the ones before.
 * `end` must be called, whatever happens.
 */
export class TableReader {
  readonly #client: Client;
  readonly #columns: readonly ExportColumn[];
  #rows: number;
  #exhausted = false;
  #next: RowGroup | undefined;

  private constructor(client: Client, { columns, rows, bytes }: ExportTable) {
    this.#client = client;
    this.#columns = columns;
    this.#rows = rows > 0 && bytes > 0 ? fitting(bytes / rows) : FIRST_ROWS;
  }

  /** @throws TableUnreadable */
  static async open(client: Client, table: ExportTable): Promise<TableReader> {
    const from = `${escapeIdentifier(table.schema)}.${escapeIdentifier(table.name)}`;
    const list = table.columns.map(({ name, kind }) =>
      kind === 'text' ? `${escapeIdentifier(name)}::text` : escapeIdentifier(name),
    );
    try {
      await client.query('BEGIN READ ONLY');
      await client.query(`DECLARE rows NO SCROLL CURSOR FOR SELECT ${list.join(', ')} FROM ONLY ${from}`);
    } catch (cause) {
      throw new TableUnreadable(cause);
    }
    const reader = new TableReader(client, table);
    reader.#next = await reader.#fetch();
    return reader;
  }

  /** Whether all rows have been taken. */
  get over(): boolean {
    return this.#next === undefined;
  }

  /** The next rows, column by column; undefined when there are no more. @throws TableUnreadable */
  async take(): Promise<RowGroup | undefined> {
    const group = this.#next;
    if (group) this.#next = await this.#fetch();
    return group;
  }

  async #fetch(): Promise<RowGroup | undefined> {
    if (this.#exhausted) return undefined;
    const asked = this.#rows;
    const { rows } = await this.#client
      .query<unknown[]>({ text: `FETCH ${asked} FROM rows`, rowMode: 'array' })
      .catch((cause: unknown) => {
        throw new TableUnreadable(cause);
      });
    if (rows.length < asked) this.#exhausted = true;
    if (rows.length === 0) return undefined;
    this.#rows = Math.min(asked * 8, fitting(weightOf(rows) / rows.length));
    return this.#columns.map(({ kind }, index) => {
      const values = rows.map((row) => row[index]);
      return kind === 'int64' ? values.map(bigint) : values;
    });
  }

  async end(): Promise<void> {
    await this.#client.query('ROLLBACK').catch(() => undefined); // the connection itself is broken, then
  }
}

/** PostgreSQL's bigint comes as text. */
function bigint(value: unknown): bigint | null {
  return typeof value === 'string' ? BigInt(value) : null;
}

function fitting(bytesPerRow: number): number {
  return Math.max(1, Math.min(MOST_ROWS, Math.floor(GROUP_BYTES / Math.max(1, bytesPerRow))));
}

function weightOf(rows: readonly (readonly unknown[])[]): number {
  let bytes = 0;
  for (const row of rows)
    for (const value of row)
      bytes += typeof value === 'string' || Buffer.isBuffer(value) ? value.length + 16 : 16;
  return bytes;
}
