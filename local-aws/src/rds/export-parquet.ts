import { setImmediate as breathe } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { ColumnKind, ExportColumn } from './export-catalogue.ts';

/** Rows of one row group, column by column. */
export type RowGroup = readonly (readonly unknown[])[];

/** Fast rather than small: the server answers others meanwhile. */
const COMPRESSION_LEVEL = 3;
const PAGE_BYTES = 256 * 1024;

/**
 * One Parquet file (gzip), as a stream of bytes: row groups are written as they come, and only one is in memory.
 * @param take gives the next row group, or undefined at the end of the table
 * @param partBytes after about so many the file ends, and another one has to go on
 */
export async function* parquetFile(
  columns: readonly ExportColumn[],
  take: () => Promise<RowGroup | undefined>,
  partBytes: number,
): AsyncGenerator<Uint8Array> {
  const bytes = new ByteWriter(PAGE_BYTES);
  const writer = new ParquetWriter({
    writer: bytes,
    schema: [{ name: 'root', num_children: columns.length }, ...columns.map(elementOf)],
    codec: 'GZIP',
    compressors: { GZIP: (input) => gzipSync(input, { level: COMPRESSION_LEVEL }) },
    createdBy: 'local-aws',
  });
  while (bytes.offset < partBytes) {
    const group = await take();
    if (!group) break;
    const rows = group[0]?.length ?? 0;
    const columnData = columns.map(({ name }, index) => ({ name, data: [...(group[index] ?? [])] }));
    await writer.write({ columnData, rowGroupSize: Math.max(1, rows), pageSize: PAGE_BYTES });
    yield drained(bytes);
    await breathe(); // encoding keeps the event loop: whoever waits comes first
  }
  await writer.finish();
  yield drained(bytes);
}

/** What has been written so far and not yet been given on. Offsets go on counting from the file's beginning. */
function drained(bytes: ByteWriter): Uint8Array {
  const copy = bytes.getBytes().slice();
  bytes.index = 0;
  return copy;
}

const PHYSICAL = {
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  float: { type: 'FLOAT' },
  double: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
  binary: { type: 'BYTE_ARRAY' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
} as const satisfies Record<ColumnKind, Partial<SchemaElement>>;

/** Every column may be null: a constraint is no promise of the format. */
function elementOf({ name, kind }: ExportColumn): SchemaElement {
  return { name, repetition_type: 'OPTIONAL', ...PHYSICAL[kind] };
}
