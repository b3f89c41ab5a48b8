import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import type { PostgresServer } from '../pg/index.ts';
import { type ExportBucket, ExportFailure, folderOf } from './export-bucket.ts';
import { type ExportTable, listTables, targetOf, unmatched } from './export-catalogue.ts';
import { parquetFile } from './export-parquet.ts';
import type { ExportRecord, TableOutcome } from './export-records.ts';
import { TableReader, TableUnreadable } from './export-rows.ts';

const PART_BYTES = 64 * 1024 * 1024;
const TABLES_PER_FILE = 100;

export interface ExportRun {
  readonly task: ExportRecord;
  readonly server: PostgresServer;
  readonly bucket: ExportBucket;
  readonly now: () => string;
  readonly signal: AbortSignal;
  /** 0 to 1, and bytes of the tables read so far. */
  readonly onProgress: (done: number, bytes: number) => void;
}

export interface ExportResult {
  readonly outcomes: readonly TableOutcome[];
  readonly extractedBytes: number;
  /** JSON, when something was left out. */
  readonly warning: string | undefined;
}

/** Writes all tables that were asked for, one after the other. A table that cannot be read is left out, and told of. */
export async function exportTables(run: ExportRun): Promise<ExportResult> {
  const { task, server, signal, onProgress } = run;
  const tables = await listTables(server, task.exportOnly);
  const missing = unmatched(task.exportOnly, tables);
  if (missing.length > 0)
    throw new ExportFailure(`There is nothing to export that is called ${missing.join(', ')}.`);
  const total = tables.reduce((sum, { bytes }) => sum + bytes, 0);
  const outcomes: TableOutcome[] = [];
  let extractedBytes = 0;
  for (const table of tables) {
    signal.throwIfAborted();
    outcomes.push(await exportTable(run, table));
    extractedBytes += table.bytes;
    onProgress(total === 0 ? 1 : extractedBytes / total, extractedBytes);
  }
  return { outcomes, extractedBytes, warning: warningOf(outcomes) };
}

async function exportTable(run: ExportRun, table: ExportTable): Promise<TableOutcome> {
  const startedAt = run.now();
  const facts = { target: targetOf(table), columns: table.columns.map(({ mapping }) => mapping), startedAt };
  const skipped = (reason: string) =>
    ({ ...facts, status: 'SKIPPED', reason, bytes: 0, parts: 0, endedAt: run.now() }) as const;
  if (table.skipped !== undefined) return skipped(table.skipped);
  try {
    const { bytes, parts } = await run.server.asAdmin(
      (client) => writeParts(run, table, client),
      table.database,
    );
    return { ...facts, status: 'COMPLETE', bytes, parts, endedAt: run.now() };
  } catch (cause) {
    if (cause instanceof TableUnreadable) return skipped(`FAILED_TO_EXTRACT_TABLE: ${cause.message}`);
    throw cause;
  }
}

async function writeParts(
  { task, bucket, signal }: ExportRun,
  table: ExportTable,
  client: Client,
): Promise<{ bytes: number; parts: number }> {
  const batch = `${table.database}/${table.schema}.${table.name}/1`;
  const reader = await TableReader.open(client, table);
  try {
    let bytes = 0;
    let parts = 0;
    const take = () => {
      signal.throwIfAborted();
      return reader.take();
    };
    do {
      const part = `part-${String(parts).padStart(5, '0')}-${uuidOf(task, table, parts)}-c000.gz.parquet`;
      bytes += await bucket.put(`${batch}/${part}`, parquetFile(table.columns, take, PART_BYTES));
      parts += 1;
    } while (!reader.over);
    await bucket.put(`${batch}/_SUCCESS`, '');
    return { bytes, parts };
  } finally {
    await reader.end();
  }
}

/** The same at every attempt: a task that is taken up again after a crash writes over what it had. */
function uuidOf(task: ExportRecord, table: ExportTable, part: number): string {
  const text = `${task.accountId}/${task.region}/${task.id}/${targetOf(table)}/${part}`;
  const hex = createHash('sha256').update(text).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

function warningOf(outcomes: readonly TableOutcome[]): string | undefined {
  const skippedTables = outcomes
    .filter(({ status }) => status === 'SKIPPED')
    .map(({ target, reason }) => ({ target, reason }));
  if (skippedTables.length === 0) return undefined;
  return JSON.stringify({ skippedTables, skippedObjectives: [], general: [] });
}

/** The two kinds of JSON files beside the data: one for the task, and one for every hundred tables. */
export async function writeReports(
  bucket: ExportBucket,
  task: ExportRecord,
  outcomes: readonly TableOutcome[],
): Promise<void> {
  for (let from = 0; from < outcomes.length; from += TABLES_PER_FILE) {
    const some = outcomes.slice(from, from + TABLES_PER_FILE);
    const name = `export_tables_info_${task.id}_from_${from + 1}_to_${from + some.length}.json`;
    await bucket.put(name, JSON.stringify({ perTableStatus: some.map(tableReport) }));
  }
  const written = outcomes.reduce((sum, { bytes }) => sum + bytes, 0);
  const report = {
    exportTaskIdentifier: task.id,
    sourceArn: task.sourceArn,
    exportOnly: task.exportOnly,
    snapshotTime: task.snapshotTime,
    taskStartTime: task.startedAt,
    taskEndTime: task.endedAt,
    s3Bucket: task.bucket,
    s3Prefix: task.prefix,
    exportedFilesPath: folderOf(task).slice(0, -1),
    iamRoleArn: task.roleArn,
    kmsKeyId: task.kmsKeyArn,
    status: task.status,
    percentProgress: task.percent,
    totalExportedDataInGB: written / 1e9,
    ...(task.warning !== undefined && { warningMessage: task.warning }),
    ...(task.failure !== undefined && { failureCause: task.failure }),
  };
  await bucket.put(`export_info_${task.id}.json`, JSON.stringify(report));
}

function tableReport({
  target,
  status,
  reason,
  columns,
  bytes,
  parts,
  startedAt,
  endedAt,
}: TableOutcome): object {
  return {
    tableStatistics: {
      extractionStartTime: startedAt,
      extractionEndTime: endedAt,
      partitioningInfo: { numberOfPartitions: parts, numberOfCompletedPartitions: parts },
    },
    schemaMetadata: { originalTypeMappings: columns },
    status,
    ...(reason !== undefined && { warningMessage: reason }),
    sizeGB: bytes / 1e9,
    target,
  };
}
