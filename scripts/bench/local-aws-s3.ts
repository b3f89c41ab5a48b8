import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

const MIB = 1024 * 1024;
const PART_MIB = 64;
const WRITERS = 16;

export interface S3BenchOptions {
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Process of the server, whose peak memory is printed. It must not be this one. */
  readonly pid?: number | undefined;
  readonly sizeMiB?: number;
  /** Objects for the listing; 0 leaves it out. */
  readonly keys?: number;
  readonly tell?: (line: string) => void;
}

export interface S3BenchRow {
  readonly what: string;
  readonly seconds: number;
  /** MiB/s for objects, keys/s for listings. */
  readonly rate: number;
  /** Rate ÷ that of the same file written or read with sha256, in the same run. */
  readonly ratio: number | undefined;
}

/**
 * PUT, GET, copy and upload in parts of one large object beside writing and reading the same bytes in a file with SHA-256, and
 * a listing of many keys by pages of 1000. Prints a row each.
 */
export async function measureS3(options: S3BenchOptions): Promise<S3BenchRow[]> {
  const { endpoint, credentials, pid, sizeMiB = 256, keys = 0 } = options;
  const tell = options.tell ?? ((line: string): void => void process.stdout.write(`${line}\n`));
  const s3 = new S3Client({ endpoint, credentials, region: 'us-east-1', maxAttempts: 1 });
  const Bucket = `bench-${randomBytes(6).toString('hex')}`;
  await s3.send(new CreateBucketCommand({ Bucket }));
  const rows: S3BenchRow[] = [];
  const measure = async (what: string, amount: number, work: () => Promise<void>, reference?: S3BenchRow) => {
    const started = performance.now();
    await work();
    const seconds = (performance.now() - started) / 1000;
    const rate = amount / seconds;
    const row = { what, seconds, rate, ratio: reference && rate / reference.rate };
    rows.push(row);
    const unit = amount === sizeMiB ? 'MiB/s' : 'keys/s';
    const ratio = row.ratio === undefined ? '' : `  ${row.ratio.toFixed(2)}x of the file`;
    const memory = pid === undefined ? '' : `  server's peak ${peakMiB(pid)} MiB`;
    tell(
      `${what.padEnd(34)} ${seconds.toFixed(2).padStart(7)} s ${rate.toFixed(0).padStart(7)} ${unit}${ratio}${memory}`,
    );
    return row;
  };
  const folder = mkdtempSync(join(tmpdir(), 'bench-s3-'));
  try {
    const file = join(folder, 'file');
    const written = await measure('file: write, sha256, sync', sizeMiB, () => writeFile(file, sizeMiB));
    const read = await measure('file: read, sha256', sizeMiB, () => readFileWithDigest(file));
    await measure('PUT, one stream', sizeMiB, () => put(s3, Bucket, 'one', sizeMiB), written);
    await measure('GET', sizeMiB, () => get(s3, Bucket, 'one'), read);
    await measure('CopyObject', sizeMiB, () => copy(s3, Bucket), written);
    await measure(
      `upload in parts of ${PART_MIB} MiB`,
      sizeMiB,
      () => putInParts(s3, Bucket, sizeMiB),
      written,
    );
    if (keys > 0) {
      await measure(`${keys} small PUTs, ${WRITERS} at once`, keys, () => putMany(s3, Bucket, keys));
      await measure(`${keys} keys listed by pages`, keys, () => listAll(s3, Bucket, keys));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    s3.destroy();
  }
  return rows;
}

/** Peak resident memory since the process began; Linux only. */
function peakMiB(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kib ?? 0) / 1024);
}

const BLOCK = randomBytes(MIB);

function* blocks(count: number): Generator<Buffer> {
  for (let n = 0; n < count; n += 1) yield BLOCK;
}

const stream = (count: number): Readable =>
  Readable.from(blocks(count), { objectMode: false, highWaterMark: MIB });

async function writeFile(path: string, sizeMiB: number): Promise<void> {
  const handle = await open(path, 'w');
  const hash = createHash('sha256');
  for (const block of blocks(sizeMiB)) {
    const writing = handle.write(block);
    hash.update(block);
    await writing;
  }
  hash.digest();
  await handle.datasync();
  await handle.close();
}

async function readFileWithDigest(path: string): Promise<void> {
  const handle = await open(path, 'r');
  const hash = createHash('sha256');
  for await (const chunk of handle.createReadStream({ highWaterMark: MIB })) hash.update(chunk as Buffer);
  hash.digest();
}

async function put(s3: S3Client, Bucket: string, Key: string, sizeMiB: number): Promise<void> {
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: stream(sizeMiB), ContentLength: sizeMiB * MIB }));
}

async function get(s3: S3Client, Bucket: string, Key: string): Promise<void> {
  const { Body, ContentLength } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  const hash = createHash('sha256');
  let seen = 0;
  for await (const chunk of Body as Readable) {
    hash.update(chunk as Buffer);
    seen += (chunk as Buffer).length;
  }
  if (seen !== ContentLength) throw new Error(`GET gave ${seen} of ${ContentLength ?? '?'} bytes.`);
}

async function copy(s3: S3Client, Bucket: string): Promise<void> {
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/one` }));
}

async function putInParts(s3: S3Client, Bucket: string, sizeMiB: number): Promise<void> {
  const target = { Bucket, Key: 'parts' };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(target));
  const Parts: CompletedPart[] = [];
  for (let done = 0; done < sizeMiB; done += PART_MIB) {
    const PartNumber = Parts.length + 1;
    const mib = Math.min(PART_MIB, sizeMiB - done);
    const part = { ...target, UploadId, PartNumber, Body: stream(mib), ContentLength: mib * MIB };
    const { ETag } = await s3.send(new UploadPartCommand(part));
    Parts.push({ PartNumber, ETag });
  }
  await s3.send(new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }));
}

async function putMany(s3: S3Client, Bucket: string, keys: number): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < keys) {
      const Key = `many/${String((next * 7919) % keys).padStart(7, '0')}`;
      next += 1;
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: '' }));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

async function listAll(s3: S3Client, Bucket: string, keys: number): Promise<void> {
  let seen = 0;
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'many/', ContinuationToken }));
    seen += page.KeyCount ?? 0;
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  if (seen !== keys) throw new Error(`The listing gave ${seen} of ${keys} keys.`);
}
