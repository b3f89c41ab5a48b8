import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runningChecksum } from '../../probe/s3/checksums.ts';
import { BucketLab, hooks } from '../../scripts/lab/s3/base.ts';
import { askAll } from '../../scripts/lab/s3/examine.ts';
import type { Bucket } from '../../probe/s3/bucket.ts';
import { s3 as engine } from '../../probe/s3/engine.ts';
import { keyGroups, type Manifest } from '../../probe/s3/manifest.ts';

const KEYS = 120;
/** Versions per page: fewer than S3 gives, so that a small bucket has several. */
const PAGE = 50;
const SECRET = 'zq.quillfeather';
let lab: BucketLab;
let source: string;

beforeAll(async () => {
  lab = await BucketLab.open();
  source = await lab.createSource();
  const names = Array.from({ length: KEYS }, (_, n) => `${SECRET}/${n}`);
  const lane = async () => {
    for (let key = names.pop(); key !== undefined; key = names.pop())
      await lab.s3.putObject({ Bucket: source, Key: key, Body: Buffer.from(`body of ${key}`) });
  };
  await Promise.all(Array.from({ length: 8 }, lane));
});
afterAll(() => lab.end());

const request = (folder: string, more = {}) => ({
  ...{ pass: 'before' as const, seed: 'a seed', folder: join(lab.folder, folder) },
  ...{ turns: { every: 1, night: 0 }, ...more },
});

/** A bucket that is listed in small pages. */
function inPages(name: string): Bucket {
  const real = lab.bucket(name);
  return {
    ...real,
    async list(from) {
      const { versions, next } = await real.list(from);
      const last = versions[PAGE - 1];
      if (versions.length <= PAGE || last === undefined) return { versions, next };
      return { versions: versions.slice(0, PAGE), next: { key: last.key, versionId: last.versionId } };
    },
  };
}

/** The bucket, counting the questions to single objects; the one with number `fatal` ends the world. */
function counting(fatal = Infinity, death = new AbortController()): { bucket: Bucket; asked: () => number } {
  const real = inPages(source);
  let asked = 0;
  const bucket: Bucket = {
    ...real,
    details: (version) => {
      asked += 1;
      if (asked === fatal) death.abort(new Error('killed'));
      return real.details(version);
    },
  };
  return { bucket, asked: () => asked };
}

async function everything({ path }: Manifest): Promise<string> {
  const groups: unknown[] = [];
  for await (const group of keyGroups(path, { withHead: true })) groups.push(group);
  return JSON.stringify(groups);
}

test('a manifest whose worker is lost goes on where it was, and is the one that would have been taken', async () => {
  const death = new AbortController();
  const killed = counting(KEYS - 10, death);
  await expect(engine.fingerprint(killed.bucket, request('lost'), hooks(death.signal))).rejects.toThrow(
    'killed',
  );
  const again = counting();
  const resumed = await engine.fingerprint(again.bucket, request('lost'), hooks());
  expect(resumed.resumedAt).toBe(2 * PAGE);
  expect(again.asked()).toBe(KEYS - 2 * PAGE);
  const whole = await engine.fingerprint(counting().bucket, request('whole'), hooks());
  expect(whole.resumedAt).toBe(0);
  expect(await everything(resumed)).toBe(await everything(whole));
  expect(resumed.head.tally).toEqual(whole.head.tally);
  expect(resumed.head.tally).toMatchObject({ objects: KEYS, versions: KEYS, detailed: KEYS });
});

test('no key, version id or checksum is in a manifest, and nothing in the clear is left on the disk', async () => {
  const { path } = await engine.fingerprint(lab.bucket(source), request('clear'), hooks());
  const bytes = (await readFile(path)).toString('latin1');
  const { ETag = '', VersionId = '' } = await lab.s3.headObject({ Bucket: source, Key: `${SECRET}/7` });
  for (const text of [SECRET, VersionId, ETag.replaceAll('"', '')]) expect(bytes).not.toContain(text);
  expect(await readdir(join(lab.folder, 'clear'))).toEqual(['manifest']);
  expect((await stat(path)).mode & 0o077).toBe(0);
});

test('S3 that asks for patience is asked again until it answers', async () => {
  // More often than the SDK asks again by itself.
  const rule = { kind: 'throttle', service: 's3', operation: 'HeadObject', times: 100 };
  const answer = await fetch(new URL('/faults', lab.aws.adminEndpoint), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(rule),
  });
  expect(answer.ok).toBe(true);
  const { head } = await engine.fingerprint(lab.bucket(source), request('slow'), hooks());
  expect(head.tally.throttled).toBeGreaterThan(0);
  expect(head.tally).toMatchObject({ detailed: KEYS, refused: {} });
});

test('with everyNights each object is described every t-th night, and all of them within t nights', async () => {
  const described = new Set<string>();
  for (const night of [10, 11, 12]) {
    const manifest = await engine.fingerprint(
      lab.bucket(source),
      request(`night-${night}`, { turns: { every: 3, night } }),
      hooks(),
    );
    const { detailed, notDue } = manifest.head.tally;
    expect(detailed + notDue).toBe(KEYS);
    expect(detailed).toBeGreaterThan(KEYS / 5);
    for await (const { key, versions } of keyGroups(manifest.path, { withHead: true }))
      if (versions.some((version) => version.detailed)) described.add(key);
  }
  expect(described.size).toBe(KEYS);
});

test('a check whose worker is lost goes on where it was', async () => {
  const before = await lab.manifest(source);
  const point = await lab.backUp(source);
  const after = await lab.manifest(source, before);
  const copy = await lab.restore(point);
  const death = new AbortController();
  const real = inPages(copy);
  let asked = 0;
  const dying: Bucket = {
    ...real,
    details: (version) => {
      if (++asked === KEYS - 10) death.abort(new Error('killed'));
      return real.details(version);
    },
  };
  const folder = join(lab.folder, 'lost-check');
  await expect(
    engine.check('objects', { bucket: dying, before, after, folder }, hooks(death.signal)),
  ).rejects.toThrow('killed');
  asked = KEYS;
  const result = await engine.check('objects', { bucket: dying, before, after, folder }, hooks());
  expect(result.status).toBe('passed');
  expect(asked - KEYS).toBe(KEYS - 2 * PAGE);
  const others = await askAll(lab, copy, before, after);
  expect(others.map(({ status }) => status)).toEqual(['passed', 'passed', 'passed']);
});

test('manifests of two seeds are not compared', async () => {
  const before = await lab.manifest(source);
  const other = await engine.fingerprint(lab.bucket(source), request('other'), hooks());
  const [result] = await askAll(lab, source, before, { ...other, head: { ...other.head, pass: 'after' } });
  expect(result).toMatchObject({ status: 'failed', findings: [{ code: 'not-comparable' }] });
});

test.each([
  ['crc32', 'y/Q5Jg=='],
  ['crc32c', '4waSgw=='],
  ['crc64nvme', 'rosUhgp5mIg='],
  ['md5', 'JfnnlDI7RTiF9RgfG2JNCw=='],
  ['sha1', '98O8HYCOBHMq32eZZczDTKeuNEE='],
  ['sha256', 'FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU='],
] as const)('%s is that of the catalogues, in however many pieces', (kind, expected) => {
  for (const cut of [0, 1, 5, 9]) {
    const sum = runningChecksum(kind);
    const bytes = Buffer.from('123456789');
    sum.update(bytes.subarray(0, cut));
    sum.update(bytes.subarray(cut));
    expect(sum.digest()).toBe(expected);
  }
});
