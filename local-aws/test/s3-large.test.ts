import * as S3 from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { SortedKeys } from '../src/s3/sorted-keys.ts';
import { listCurrent, listVersions } from '../src/s3/listing.ts';
import { VersionIndex } from '../src/s3/version-index.ts';
import { eventually } from './support/eventually.ts';
import { temporaryState } from './support/local-aws.ts';

const PROGRAM = fileURLToPath(new URL('../bin/lifeboat-local-aws.mjs', import.meta.url));
const MIB = 1024 * 1024;
const SIZE_MIB = 512;
const PART_MIB = 128;
const Bucket = 'large-objects';

const state = temporaryState();
let server: ChildProcess;
let s3: S3.S3Client;

beforeAll(async () => {
  const envFile = join(state.path, 'vars');
  const where = ['--state', join(state.path, 'state'), '--env-file', envFile];
  server = spawn(process.execPath, ['--', PROGRAM, 'start', ...where, '--port', '0', '--admin-port', '0'], {
    stdio: 'ignore',
  });
  const vars = await eventually('the server says where it is', () => {
    if (server.exitCode !== null) throw new Error('The server ended.');
    const text = existsSync(envFile) ? readFileSync(envFile, 'utf8') : '';
    return text.includes('AWS_SECRET_ACCESS_KEY') ? parseEnv(text) : undefined;
  });
  const credentials = {
    accessKeyId: vars['AWS_ACCESS_KEY_ID']!,
    secretAccessKey: vars['AWS_SECRET_ACCESS_KEY']!,
  };
  s3 = new S3.S3Client({
    endpoint: vars['AWS_ENDPOINT_URL']!,
    region: 'us-east-1',
    credentials,
    maxAttempts: 1,
  });
}, 120_000);
afterAll(async () => {
  server.kill('SIGINT');
  await once(server, 'exit');
  state.dispose();
});

const BLOCK = Buffer.alloc(MIB, 'large');
function body(mib: number): Readable {
  const blocks = Array.from({ length: mib }, () => BLOCK);
  return Readable.from(blocks, { objectMode: false, highWaterMark: MIB });
}

test('objects of 512 MiB are put, read, copied, uploaded in parts and copied in parts', async () => {
  await s3.send(new S3.CreateBucketCommand({ Bucket }));
  const ContentLength = SIZE_MIB * MIB;
  await s3.send(new S3.PutObjectCommand({ Bucket, Key: 'one', Body: body(SIZE_MIB), ContentLength }));
  const read = await s3.send(new S3.GetObjectCommand({ Bucket, Key: 'one' }));
  let seen = 0;
  for await (const chunk of read.Body as Readable) seen += (chunk as Buffer).length;
  expect(seen).toBe(ContentLength);

  const { CopyObjectResult } = await s3.send(
    new S3.CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/one` }),
  );
  expect(CopyObjectResult?.ETag).toBe(read.ETag);

  const target = { Bucket, Key: 'parts' };
  const { UploadId } = await s3.send(new S3.CreateMultipartUploadCommand(target));
  const Parts: S3.CompletedPart[] = [];
  for (let n = 0; n < SIZE_MIB / PART_MIB; n += 1) {
    const part = { ...target, UploadId, PartNumber: n + 1 };
    if (n === 0) {
      const sent = { ...part, Body: body(PART_MIB), ContentLength: PART_MIB * MIB };
      Parts.push({ PartNumber: 1, ETag: (await s3.send(new S3.UploadPartCommand(sent))).ETag });
      continue;
    }
    const CopySourceRange = `bytes=${n * PART_MIB * MIB}-${(n + 1) * PART_MIB * MIB - 1}`;
    const copied = { ...part, CopySource: `${Bucket}/one`, CopySourceRange };
    const { CopyPartResult } = await s3.send(new S3.UploadPartCopyCommand(copied));
    Parts.push({ PartNumber: n + 1, ETag: CopyPartResult?.ETag });
  }
  await s3.send(new S3.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }));
  expect((await s3.send(new S3.HeadObjectCommand(target))).ContentLength).toBe(ContentLength);
}, 180_000);

// Only Linux says how much a process has ever held.
(existsSync('/proc/self/status') ? test : test.skip)(
  'the whole server never held 200 MB meanwhile (needs /proc)',
  async () => {
    const { ContentLength } = await s3.send(new S3.HeadObjectCommand({ Bucket, Key: 'parts' }));
    expect(ContentLength).toBe(SIZE_MIB * MIB); // the objects of the test before did pass through
    const status = readFileSync(`/proc/${server.pid ?? 0}/status`, 'utf8');
    const peakBytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) * 1024;
    expect(peakBytes).toBeLessThan(200e6);
  },
);

test('keys are in the order of their UTF-8 bytes, however they came', () => {
  const keys = ['a', 'a/', 'a0', 'é', 'z', '\uffee', '😀', 'Z', '', '日本'];
  const sorted = new SortedKeys();
  for (let n = 0; n < 3000; n += 1) sorted.add(`n${(n * 7919) % 3000}`);
  for (const key of [...keys].reverse()) sorted.add(key);
  for (const key of keys) sorted.add(key);
  for (let n = 0; n < 3000; n += 1) sorted.remove(`n${n}`);
  const byBytes = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect([...sorted.from('')]).toEqual(byBytes);
});

test('100 000 keys are listed by pages without looking at any key twice, and folders without looking into them', () => {
  const index = new VersionIndex();
  const total = 100_000;
  for (let n = 0; n < total; n += 1) {
    const at = (n * 7919) % total;
    const key = `folder-${Math.floor(at / 1000)}/${at}`;
    index.add({ bucket: 'b', key, versionId: `v${n}`, order: n + 1, modifiedAt: '', marker: false } as never);
  }
  let looked = 0;
  const { from } = index.sorted;
  index.sorted.from = function* (start) {
    for (const key of from.call(this, start)) {
      looked += 1;
      yield key;
    }
  };
  const pages = (delimiter: string, limit: number): number => {
    let after = '';
    let found = 0;
    for (;;) {
      const page = listCurrent(index, { prefix: '', delimiter, after, limit });
      found += page.items.length + page.prefixes.length;
      if (!page.truncated || page.last === undefined) return found;
      after = page.last;
    }
  };
  expect(pages('', 1000)).toBe(total);
  expect(looked).toBeLessThanOrEqual(total + 2 * (total / 1000));
  looked = 0;
  expect(pages('/', 10)).toBe(100);
  expect(looked).toBeLessThan(1000);
  looked = 0;
  let marker = { key: '', version: undefined as string | undefined };
  let versions = 0;
  for (;;) {
    const asked = { prefix: '', delimiter: '', after: marker.key, limit: 1000 };
    const page = listVersions(index, asked, marker.version);
    versions += page.items.length;
    if (!page.truncated) break;
    marker = { key: page.last!, version: page.lastVersionId };
  }
  expect(versions).toBe(total);
  expect(looked).toBeLessThanOrEqual(total + 2 * (total / 1000));
});
