import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Client } from 'pg';
import type { Account } from './account.ts';
import { ownedFolder, passableFolder, type PostgresHost } from './host.ts';
import { type NewServer, PostgresServer } from './server.ts';
import { CHUNK_BYTES, copyFiles, type Digests, digestFiles, listTree, makeFolders } from './tree.ts';

/** What was copied, from where, and its digests. Lies beside the data, as `manifest.json`; a copy keeps its origin's. */
export interface Manifest {
  readonly format: 1;
  readonly postgresVersion: string;
  readonly major: number;
  /** Of the cluster: a restored server has its origin's. */
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly startLsn: string;
  /** The copy is the database as it was here, not at the start. */
  readonly stopLsn: string;
  /** The server's clock at the stop. RFC 3339. */
  readonly databaseTime: string;
  readonly bytes: number;
  readonly folders: readonly string[];
  readonly files: Digests;
}

export interface CopyProgress {
  readonly signal?: AbortSignal | undefined;
  /** 0 to 1. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/** Contents that belong to a running server and not to its data; the folders themselves must exist. */
const HOLLOW = new Set([
  ...[
    'pg_wal',
    'pg_replslot',
    'pg_dynshmem',
    'pg_notify',
    'pg_serial',
    'pg_snapshots',
    'pg_stat_tmp',
    'pg_subtrans',
  ],
]);
const SKIPPED =
  /^(postmaster\.(pid|opts)|backup_label(\.old)?|tablespace_map(\.old)?|.*\/?pgsql_tmp[^/]*|.*\/?pg_internal\.init(\.\d+)?|.*\/t\d+_\d+[^/]*|pg_logical\/snapshots\/.*)$/;
const CONTROL_FILE = 'global/pg_control';

const BACKUP_CALLS = {
  start: 'pg_backup_start($1, fast => true)',
  stop: 'pg_backup_stop(wait_for_archive => false)',
};
const BACKUP_CALLS_BEFORE_15 = {
  start: 'pg_start_backup($1, fast => true, exclusive => false)',
  stop: 'pg_stop_backup(exclusive => false, wait_for_archive => false)',
};

/**
 * Copies a running server into `dir` (`data/` and `manifest.json`), consistent as of the end of the copy.
 * Writers are not held up. A slot keeps the WAL of the copy's duration from being recycled meanwhile.
 */
export async function takeSnapshot(
  server: PostgresServer,
  dir: string,
  progress: CopyProgress = {},
): Promise<Manifest> {
  const { account } = server.host;
  const data = join(dir, 'data');
  await ownedFolder(server.host, dir);
  return server.asAdmin(async (client) => {
    const calls = server.host.binaries.major >= 15 ? BACKUP_CALLS : BACKUP_CALLS_BEFORE_15;
    const slot = `snapshot_${randomUUID().replaceAll('-', '')}`;
    await client.query('SELECT pg_create_physical_replication_slot($1, true, true)', [slot]);
    const start = await one<{ lsn: string }>(client, `SELECT ${calls.start}::text AS lsn`, [slot]);
    const listing = await listTree(server.dataDir, {
      skip: (path) => SKIPPED.test(path),
      hollow: (path) => HOLLOW.has(path),
    });
    makeFolders(data, [...listing.folders, 'pg_wal/archive_status', 'pg_wal/summaries'], account);
    const bytes = listing.files.reduce((sum, { size }) => sum + size, 0);
    const onBytes = counter(bytes, progress.onProgress);
    const options = { owner: account, signal: progress.signal, mayVanish: true, onBytes };
    const control = listing.files.filter(({ path }) => path === CONTROL_FILE);
    const others = listing.files.filter(({ path }) => path !== CONTROL_FILE);
    const digests = await copyFiles(server.dataDir, data, others, options);
    Object.assign(digests, await copyFiles(server.dataDir, data, control, options));
    const stop = await one<StopRow>(
      client,
      `SELECT lsn::text, labelfile, spcmapfile, pg_walfile_name(lsn) AS wal, clock_timestamp() AS at,
              (SELECT system_identifier::text FROM pg_control_system()) AS system,
              (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline
         FROM ${calls.stop}`,
    );
    if (stop.spcmapfile !== '')
      throw new Error('The database uses tablespaces, which a snapshot here cannot hold.');
    await writeFile(join(data, 'backup_label'), stop.labelfile, { mode: 0o600 });
    const written = await digestAdded(data, ['backup_label'], account);
    const wal = await copyWal(server.dataDir, data, firstWal(stop.labelfile), stop.wal, account);
    const manifest: Manifest = {
      format: 1,
      postgresVersion: server.host.binaries.version,
      major: server.host.binaries.major,
      systemIdentifier: stop.system,
      timeline: stop.timeline,
      startLsn: start.lsn,
      stopLsn: stop.lsn,
      databaseTime: stop.at.toISOString(),
      bytes,
      folders: [...listing.folders, 'pg_wal/archive_status', 'pg_wal/summaries'],
      files: { ...digests, ...written, ...wal },
    };
    await writeManifest(dir, manifest);
    return manifest;
  });
}

interface StopRow {
  lsn: string;
  labelfile: string;
  spcmapfile: string;
  wal: string;
  at: Date;
  system: string;
  timeline: number;
}

/** The WAL of the copy's duration: without it the copy cannot become consistent. */
async function copyWal(
  from: string,
  to: string,
  first: string,
  last: string,
  owner: Account | undefined,
): Promise<Digests> {
  const { files } = await listTree(join(from, 'pg_wal'), { hollow: () => true });
  const segments = files.filter(
    ({ path }) =>
      (/^[0-9A-F]{24}$/.test(path) && path >= first && path <= last) || /^[0-9A-F]{8}\.history$/.test(path),
  );
  for (const end of [first, last])
    if (!segments.some(({ path }) => path === end))
      throw new Error(`WAL segment ${end} of the snapshot is missing.`);
  const digests = await copyFiles(join(from, 'pg_wal'), join(to, 'pg_wal'), segments, { owner });
  return Object.fromEntries(Object.entries(digests).map(([name, digest]) => [`pg_wal/${name}`, digest]));
}

function firstWal(label: string): string {
  const name = /\(file ([0-9A-F]{24})\)/.exec(label)?.[1];
  if (name === undefined) throw new Error(`backup_label names no WAL file: ${label}`);
  return name;
}

async function digestAdded(
  root: string,
  paths: readonly string[],
  owner: Account | undefined,
): Promise<Digests> {
  const files = await Promise.all(
    paths.map(async (path) => {
      if (owner) await chown(join(root, path), owner.uid, owner.gid);
      return { path, size: (await stat(join(root, path))).size };
    }),
  );
  return digestFiles(root, files);
}

/** A file whose bytes are not the ones that the manifest was written for. */
export interface Difference {
  readonly path: string;
  readonly what: 'missing' | 'added' | 'size' | 'content';
  /** Where the first differing MiB begins. */
  readonly offset?: number;
}

export interface CopyResult {
  readonly manifest: Manifest;
  /** Bit rot in the source, found while reading it. */
  readonly differences: readonly Difference[];
}

/**
 * Copies a stored snapshot to `to`, comparing every byte read with the manifest.
 * Differences are copied all the same and reported: AWS does not check our manifest either.
 */
export async function copySnapshot(
  from: string,
  to: string,
  account: Account | undefined,
  progress: CopyProgress = {},
): Promise<CopyResult> {
  const manifest = await readManifest(from);
  const listing = await listTree(join(from, 'data'));
  await passableFolder(to); // it may be the first thing in its account and region, where servers will live, too
  makeFolders(join(to, 'data'), listing.folders, account);
  const total = listing.files.reduce((sum, { size }) => sum + size, 0);
  const onBytes = counter(total, progress.onProgress);
  const options = { owner: account, signal: progress.signal, onBytes };
  const digests = await copyFiles(join(from, 'data'), join(to, 'data'), listing.files, options);
  await writeManifest(to, manifest);
  return { manifest, differences: compare(manifest, digests) };
}

/** Compares what lies in a snapshot with its manifest. */
export async function checkSnapshot(dir: string, signal?: AbortSignal): Promise<readonly Difference[]> {
  const manifest = await readManifest(dir);
  const { files } = await listTree(join(dir, 'data'));
  return compare(manifest, await digestFiles(join(dir, 'data'), files, signal));
}

function compare(manifest: Manifest, found: Digests): Difference[] {
  const differences: Difference[] = [];
  for (const [path, wanted] of Object.entries(manifest.files)) {
    const got = found[path];
    if (!got) differences.push({ path, what: 'missing' });
    else if (got.size !== wanted.size) differences.push({ path, what: 'size' });
    else {
      const chunk = wanted.sha256.findIndex((digest, index) => digest !== got.sha256[index]);
      if (chunk >= 0) differences.push({ path, what: 'content', offset: chunk * CHUNK_BYTES });
    }
  }
  for (const path of Object.keys(found)) if (!manifest.files[path]) differences.push({ path, what: 'added' });
  return differences;
}

/**
 * Copies a snapshot's data to `dir/data` and makes it a server of its own, not yet started: own port, certificate and rules,
 * but the roles, passwords and system identifier of its origin.
 * @param strict refuses when a byte differs from the manifest; otherwise damage survives, as it would on AWS.
 * @throws when the snapshot has no backup_label (it would boot without a word, possibly corrupt) or another major version.
 */
export async function restoreSnapshot(
  host: PostgresHost,
  snapshot: string,
  dir: string,
  server: NewServer,
  { strict = false, ...progress }: CopyProgress & { strict?: boolean } = {},
): Promise<PostgresServer> {
  const manifest = await readManifest(snapshot);
  requireBootable(snapshot, manifest, host.binaries.major);
  if (strict) {
    const [first] = await checkSnapshot(snapshot, progress.signal);
    if (first)
      throw new Error(
        `Snapshot ${basename(snapshot)} differs from its manifest: ${first.path} (${first.what}).`,
      );
  }
  await ownedFolder(host, dir);
  await copyData(snapshot, join(dir, 'data'), host.account, progress);
  return PostgresServer.configure(host, dir, server);
}

function requireBootable(snapshot: string, manifest: Manifest, major: number): void {
  if (manifest.major !== major)
    throw new Error(
      `The snapshot was taken by PostgreSQL ${manifest.major}; this computer runs ${major}, which cannot read it.`,
    );
  if (!existsSync(join(snapshot, 'data', 'backup_label')))
    throw new Error(
      `Snapshot ${basename(snapshot)} has no backup_label: its data would be silently inconsistent.`,
    );
}

async function copyData(
  snapshot: string,
  to: string,
  account: Account | undefined,
  progress: CopyProgress,
): Promise<void> {
  const listing = await listTree(join(snapshot, 'data'));
  makeFolders(to, listing.folders, account);
  const total = listing.files.reduce((sum, { size }) => sum + size, 0);
  const onBytes = counter(total, progress.onProgress);
  await copyFiles(join(snapshot, 'data'), to, listing.files, {
    owner: account,
    signal: progress.signal,
    onBytes,
    digest: false,
  });
}

export async function readManifest(snapshot: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(snapshot, 'manifest.json'), 'utf8')) as Manifest;
}

async function writeManifest(snapshot: string, manifest: Manifest): Promise<void> {
  await writeFile(join(snapshot, 'manifest.json'), JSON.stringify(manifest));
}

function counter(total: number, onProgress: ((done: number) => void) | undefined): (bytes: number) => void {
  let done = 0;
  return (bytes) => {
    done += bytes;
    onProgress?.(total === 0 ? 1 : Math.min(1, done / total));
  };
}

async function one<R extends object>(client: Client, sql: string, values: unknown[] = []): Promise<R> {
  const { rows } = await client.query<R>(sql, values);
  const [row] = rows;
  if (!row) throw new Error(`No answer to: ${sql}`);
  return row;
}
