import { chown, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { ownedFolder, type PostgresHost } from './host.ts';
import type { PostgresServer } from './server.ts';
import { lsnOf, lsnText, segmentName, segmentStart, segmentStarts } from './wal-segments.ts';

/** How far an archive reaches. JSON; kept by whoever owns the archive. */
export interface ArchiveState {
  readonly timeline: number;
  readonly segmentBytes: number;
  /** Every segment from here… */
  readonly from: string;
  /** …up to here lies in the archive; both are beginnings of segments. */
  readonly to: string;
  /** Everything that was committed until this instant is in it, by the server's own clock. RFC 3339. */
  readonly through: string;
}

/** WAL that the archive needs is no longer there: only a new base and a new archive can help. */
export class WalLost extends Error {
  constructor(segment: string, where: string) {
    super(`WAL segment ${segment} is not in ${where}.`);
    this.name = 'WalLost';
  }
}

const SLOT = 'rds_wal_archive';
/** A segment that holds only its own header. */
const HEADER_BYTES = 40n;
const PAGE_BYTES = 8192;

/**
 * Ships the WAL of one running server into a folder, segment by segment, as RDS does every five minutes. A replication slot keeps what
 * is not shipped yet, so it may be stopped, killed and taken up again at any time, on a server that runs.
 * Segments lie there without the zeroes at their end, which a forced switch leaves plenty of.
 */
export class WalArchiver {
  readonly #server: PostgresServer;
  readonly #dir: string;
  #state: ArchiveState | undefined;
  #client: Client | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param state what an earlier archiver of this folder reached; without it a new archive is begun. */
  constructor(server: PostgresServer, dir: string, state?: ArchiveState) {
    this.#server = server;
    this.#dir = dir;
    this.#state = state;
  }

  get state(): ArchiveState | undefined {
    return this.#state;
  }

  /**
   * One round: everything committed before this call is in the archive, safely on disk, when it resolves. An idle server costs one query.
   * @param keep writes the state down; only then may the server recycle what was shipped.
   * @throws WalLost, or the connection's error when the server is down
   */
  ship(keep: (state: ArchiveState) => Promise<void> = () => Promise.resolve()): Promise<ArchiveState> {
    const round = this.#last.catch(() => undefined).then(() => this.#ship(keep));
    this.#last = round;
    return round;
  }

  /** Ends the connection. The slot stays, and with it the WAL that is not shipped yet. */
  async pause(): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.#client?.end().catch(() => undefined);
    this.#client = undefined;
  }

  /** Gives the server its WAL back: nothing is kept for an archive any more. */
  async end(): Promise<void> {
    await this.pause();
    if (!this.#server.running) return;
    await this.#server.admin(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
      [SLOT],
    );
  }

  async #ship(keep: (state: ArchiveState) => Promise<void>): Promise<ArchiveState> {
    const client = await this.#connected();
    try {
      const state = (this.#state ??= await this.#begin(client));
      const { segmentBytes } = state;
      const now = await one<{ at: Date; lsn: string }>(
        client,
        'SELECT clock_timestamp() AS at, pg_current_wal_insert_lsn()::text AS lsn',
      );
      const insert = lsnOf(now.lsn);
      const begun = segmentStart(insert, segmentBytes);
      const pristine = insert - begun <= HEADER_BYTES;
      if (!pristine) await client.query('SELECT pg_switch_wal()');
      const goal = pristine ? begun : begun + BigInt(segmentBytes);
      const reached = lsnOf(state.to);
      if (goal > reached) {
        const { lsn } = await one<{ lsn: string }>(client, 'SELECT pg_current_wal_flush_lsn()::text AS lsn');
        if (lsnOf(lsn) < goal) return state; // written, but not flushed yet: the next round has it
        await this.#copy(state, reached, goal);
      }
      const shipped = {
        ...state,
        to: lsnText(goal > reached ? goal : reached),
        through: now.at.toISOString(),
      };
      await keep(shipped);
      this.#state = shipped;
      if (goal > reached)
        await client.query('SELECT pg_replication_slot_advance($1, $2::pg_lsn)', [SLOT, shipped.to]);
      return shipped;
    } catch (cause) {
      this.#client = undefined;
      await client.end().catch(() => undefined);
      throw cause;
    }
  }

  async #begin(client: Client): Promise<ArchiveState> {
    await ownedFolder(this.#server.host, this.#dir);
    const row = await one<{ at: Date; bytes: number; timeline: string; lsn: string }>(
      client,
      `SELECT clock_timestamp() AS at, restart_lsn::text AS lsn, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline,
              (SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size') AS bytes
         FROM pg_replication_slots WHERE slot_name = $1`,
      [SLOT],
    );
    const from = lsnText(segmentStart(lsnOf(row.lsn), row.bytes));
    const timeline = parseInt(row.timeline, 16);
    return { timeline, segmentBytes: row.bytes, from, to: from, through: row.at.toISOString() };
  }

  async #copy(state: ArchiveState, from: bigint, to: bigint): Promise<void> {
    await ownedFolder(this.#server.host, this.#dir);
    for (const start of segmentStarts(from, to, state.segmentBytes)) {
      const name = segmentName(state.timeline, start, state.segmentBytes);
      const whole = await readFile(join(this.#server.dataDir, 'pg_wal', name)).catch((cause: unknown) => {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw new WalLost(name, 'pg_wal');
        throw cause;
      });
      await writeSafely(join(this.#dir, name), withoutTail(whole), this.#server.host);
    }
    const folder = await open(this.#dir, 'r');
    await folder.sync().finally(() => folder.close());
  }

  async #connected(): Promise<Client> {
    if (this.#client) return this.#client;
    const client = new Client(this.#server.adminConfig());
    client.on('error', () => {
      if (this.#client === client) this.#client = undefined;
    });
    await client.connect();
    await client.query(
      `SELECT pg_create_physical_replication_slot($1, true)
        WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`,
      [SLOT],
    );
    this.#client = client;
    return client;
  }
}

/** Removes what lies before the segment that holds `lsn`. @returns the state of what is left. */
export async function pruneArchive(dir: string, state: ArchiveState, lsn: string): Promise<ArchiveState> {
  const { timeline, segmentBytes } = state;
  const reached = lsnOf(state.to);
  const wanted = segmentStart(lsnOf(lsn), segmentBytes);
  const keepFrom = wanted < reached ? wanted : reached;
  for (const start of segmentStarts(lsnOf(state.from), keepFrom, segmentBytes))
    await rm(join(dir, segmentName(timeline, start, segmentBytes)), { force: true });
  return keepFrom > lsnOf(state.from) ? { ...state, from: lsnText(keepFrom) } : state;
}

/** Copies the segments `from` up to `to` of one archive into another folder. @throws WalLost */
export async function copySegments(
  host: PostgresHost,
  archive: string,
  target: string,
  { timeline, segmentBytes, from, to }: ArchiveState,
): Promise<void> {
  await ownedFolder(host, target);
  for (const start of segmentStarts(lsnOf(from), lsnOf(to), segmentBytes)) {
    const name = segmentName(timeline, start, segmentBytes);
    await writeSafely(join(target, name), await readSegment(archive, name), host);
  }
}

export async function readSegment(archive: string, name: string): Promise<Buffer> {
  return readFile(join(archive, name)).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw new WalLost(name, 'the archive');
    throw cause;
  });
}

function withoutTail(segment: Buffer): Buffer {
  const zeroes = Buffer.alloc(PAGE_BYTES);
  let end = segment.length;
  while (end >= PAGE_BYTES && segment.subarray(end - PAGE_BYTES, end).equals(zeroes)) end -= PAGE_BYTES;
  return segment.subarray(0, end);
}

async function writeSafely(path: string, content: Buffer, { account }: PostgresHost): Promise<void> {
  const unfinished = `${path}.new`;
  await rm(unfinished, { force: true });
  const file = await open(unfinished, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.datasync();
  } finally {
    await file.close();
  }
  if (account) await chown(unfinished, account.uid, account.gid);
  await rename(unfinished, path);
}

async function one<R extends object>(client: Client, sql: string, values: unknown[] = []): Promise<R> {
  const { rows } = await client.query<R>(sql, values);
  const [row] = rows;
  if (!row) throw new Error(`No answer to: ${sql}`);
  return row;
}
