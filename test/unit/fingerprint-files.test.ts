import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mockClient } from 'aws-sdk-client-mock';
import { getFingerprintFile } from '../../activities/ledger/fingerprint-files.ts';
import type { Ledger } from '../../activities/ledger/ledger.ts';

const CHUNKS = ['first ', 'second ', 'third'];
const WHOLE = CHUNKS.join('');
const REF = {
  ...{ bucket: 'ledger', key: 'fingerprints/before', versionId: 'v1' },
  sha256: createHash('sha256').update(WHOLE).digest('hex'),
};

let folder: string;
let ledger: Ledger;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fingerprints-'));
  mockClient(S3Client)
    .on(GetObjectCommand)
    .callsFake(() => ({ Body: Readable.from(slowly()) }));
  ledger = { s3: new S3Client({}), bucket: 'ledger', owner: '222222222222' } as unknown as Ledger;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function* slowly() {
  for (const chunk of CHUNKS) {
    await sleep(5);
    yield Buffer.from(chunk);
  }
}

test('a fingerprint that two drills fetch at once is whole, and nothing else is left beside it', async () => {
  const path = join(folder, 'manifest');
  await Promise.all([getFingerprintFile(ledger, REF, path), getFingerprintFile(ledger, REF, path)]);
  expect(await readFile(path, 'utf8')).toBe(WHOLE);
  expect(await readdir(folder)).toEqual(['manifest']);
});

test('a fingerprint with another digest than its reference is refused and not kept', async () => {
  const path = join(folder, 'manifest');
  const wrong = { ...REF, sha256: '0'.repeat(64) };
  await expect(getFingerprintFile(ledger, wrong, path)).rejects.toThrow(/does not have the digest 000/);
  expect(await readdir(folder)).toEqual([]);
});
