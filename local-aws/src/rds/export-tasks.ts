import { join } from 'node:path';
import { PostgresServer, restoreSnapshot, takeSnapshot } from '../pg/index.ts';
import { endOrphan } from '../pg/orphans.ts';
import type { Place, Table } from '../platform.ts';
import type { ClusterContext } from './cluster-context.ts';
import { TYPICAL } from './durations.ts';
import { ExportBucket, type ExportStorage } from './export-bucket.ts';
import type { ExportRecord } from './export-records.ts';
import { exportTables, writeReports } from './export-run.ts';
import { idOf, keyOf, parseRdsArn, placeOf } from './names.ts';

const UNDER_WAY = new Set<ExportRecord['status']>(['STARTING', 'IN_PROGRESS', 'CANCELING']);

/**
 * The lives of export tasks. Each reads its data from a server of its own, started on a copy of the snapshot that goes when the
 * task ends. After a crash a task begins again and writes the same files over those it had.
 */
export class Exports {
  readonly tasks: Table<ExportRecord>;
  readonly storage: ExportStorage;
  readonly #context: ClusterContext;
  readonly #current = new Map<string, AbortController>();

  constructor(context: ClusterContext, storage: ExportStorage) {
    this.#context = context;
    this.storage = storage;
    this.tasks = context.platform.table('rds/export-tasks');
  }

  async resume(): Promise<void> {
    for (const dir of await this.#context.store.strays('exports', [])) {
      await endOrphan(join(dir, 'data'));
      await this.#context.store.discard(dir);
    }
    for (const [key, task] of this.tasks.entries()) {
      if (task.status === 'CANCELING') await this.#end(key, { status: 'CANCELED' });
      else if (UNDER_WAY.has(task.status)) this.#run(key);
    }
  }

  running(place: Place): ExportRecord[] {
    return [...this.tasks.values()].filter(
      ({ accountId, region, status }) =>
        accountId === place.accountId && region === place.region && UNDER_WAY.has(status),
    );
  }

  async start(task: ExportRecord): Promise<void> {
    const key = keyOf(task, task.id);
    await this.tasks.put(key, task);
    this.#run(key);
  }

  /** What has been written so far stays. */
  async cancel(task: ExportRecord): Promise<ExportRecord> {
    const key = keyOf(task, task.id);
    const canceling = { ...task, status: 'CANCELING' } as const;
    await this.tasks.put(key, canceling);
    this.#current.get(key)?.abort(new Error('the export is being canceled'));
    return canceling;
  }

  #run(key: string): void {
    const { platform } = this.#context;
    const mine = new AbortController();
    this.#current.set(key, mine);
    platform.tasks.run(`rds: export ${key}`, async (closing) => {
      try {
        const signal = AbortSignal.any([closing, mine.signal]);
        const step = { service: 'rds', job: 'export', ...placeOf(key), names: [idOf(key)] } as const;
        await platform.faults.job(step, signal, () => this.#export(key, signal));
      } catch (err) {
        if (closing.aborted) return; // begun again at the next start
        if (mine.signal.aborted) await this.#end(key, { status: 'CANCELED' });
        else await this.#failed(key, err);
      } finally {
        if (this.#current.get(key) === mine) this.#current.delete(key);
      }
    });
  }

  async #export(key: string, signal: AbortSignal): Promise<void> {
    const { platform } = this.#context;
    const typicalSeconds = TYPICAL.exportStarting;
    await platform.pace.take('rds.exportStarting', { typicalSeconds, signal });
    const now = () => platform.clock.now().toISOString();
    await this.#patch(key, { status: 'IN_PROGRESS', startedAt: now(), percent: 0, extractedBytes: 0 });
    const task = this.tasks.get(key);
    if (!task) return;
    const bucket = new ExportBucket(platform, this.storage, task);
    const pace = platform.pace.take('rds.export', { typicalSeconds: TYPICAL.export, signal });
    pace.catch(() => undefined); // a failure of the export itself comes first
    const dir = join(platform.stateDir, 'accounts', task.accountId, task.region, 'rds', 'exports', task.id);
    try {
      const server = await this.#serverOn(task, dir, signal);
      await server.start();
      let result: Awaited<ReturnType<typeof exportTables>>;
      try {
        const onProgress = (done: number, extractedBytes: number) =>
          this.#patchSoon(key, { percent: Math.min(99, Math.floor(done * 100)), extractedBytes });
        result = await exportTables({ task, server, bucket, now, signal, onProgress });
      } finally {
        await server.stop('immediate');
      }
      await pace;
      const { warning, extractedBytes, outcomes } = result;
      const complete = { status: 'COMPLETE', percent: 100, endedAt: now(), warning, extractedBytes } as const;
      await writeReports(bucket, { ...task, ...complete }, outcomes);
      await this.#end(key, complete);
    } finally {
      await this.#context.store.discard(dir);
    }
  }

  /** A server on a copy of what is exported, that nobody else can reach; not started. */
  async #serverOn(task: ExportRecord, dir: string, signal: AbortSignal): Promise<PostgresServer> {
    const { store, clusters } = this.#context;
    const { host } = clusters.servers;
    const parsed = parseRdsArn(task.sourceArn);
    const key = parsed ? keyOf(parsed, parsed.id) : '';
    await store.discard(dir);
    if (task.sourceType === 'CLUSTER') {
      await clusters.servers.withStorage(key, (server) => takeSnapshot(server, dir, { signal }));
      return PostgresServer.configure(host, dir, { listen: '127.0.0.1' });
    }
    const instance = store.snapshots.get(key);
    const cluster = store.clusterSnapshots.get(key);
    const from =
      parsed?.kind === 'snapshot'
        ? instance && store.snapshotDir(instance)
        : cluster && store.clusterSnapshotDir(cluster);
    if (from === undefined) throw new Error(`The snapshot ${task.sourceArn} no longer exists.`);
    return restoreSnapshot(host, from, dir, { listen: '127.0.0.1' }, { signal });
  }

  async #failed(key: string, err: unknown): Promise<void> {
    const { platform } = this.#context;
    platform.log.error({ err, export: key }, 'export failed');
    const failure = err instanceof Error ? err.message : String(err);
    const endedAt = platform.clock.now().toISOString();
    const failed = { status: 'FAILED', failure, endedAt } as const;
    const task = this.tasks.get(key);
    if (!task) return;
    const bucket = new ExportBucket(platform, this.storage, task);
    await writeReports(bucket, { ...task, ...failed }, []).catch(() => undefined); // the bucket may be what failed
    await this.#end(key, failed);
  }

  async #end(key: string, change: Partial<ExportRecord>): Promise<void> {
    const endedAt = this.#context.platform.clock.now().toISOString();
    await this.#patch(key, { endedAt, ...change });
    const task = this.tasks.get(key);
    if (!task) return;
    const parsed = parseRdsArn(task.sourceArn);
    const said = task.status === 'COMPLETE' ? 'completed' : task.status.toLowerCase();
    const source = { sourceType: SOURCES[parsed?.kind ?? ''] ?? 'db-snapshot', sourceId: parsed?.id ?? '' };
    const message = `Export task ${task.id} ${said}`;
    const category = task.status === 'FAILED' ? 'failure' : 'notification';
    await this.#context.store.note(task, source, message, category);
  }

  async #patch(key: string, change: Partial<ExportRecord>): Promise<void> {
    const task = this.tasks.get(key);
    if (task) await this.tasks.put(key, { ...task, ...change });
  }

  #patchSoon(key: string, change: Partial<ExportRecord>): void {
    this.#context.platform.tasks.run('rds: progress', async () => {
      if (this.tasks.get(key)?.status === 'IN_PROGRESS') await this.#patch(key, change);
    });
  }
}

const SOURCES: Readonly<Record<string, 'db-snapshot' | 'db-cluster-snapshot' | 'db-cluster'>> = {
  ...{ snapshot: 'db-snapshot', 'cluster-snapshot': 'db-cluster-snapshot', cluster: 'db-cluster' },
};
