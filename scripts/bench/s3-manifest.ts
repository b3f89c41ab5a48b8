import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUCKET_CHECK_IDS } from '../../domain/verdict.ts';
import type { ProbeHooks } from '../../probe/engine.ts';
import type { Bucket, Cursor, ListedVersion, ObjectDetails } from '../../probe/s3/bucket.ts';
import { s3 as engine } from '../../probe/s3/engine.ts';

const PAGE = 1000;
/** At 1000 versions per listing, and with two tags and a piece of metadata per object. */
const SIZES = [100_000, 400_000] as const;

/**
 * Manifests and comparison of generated buckets: versions per second, and by how much the process grows. The bucket is made up as it is
 * asked for and holds nothing, so that what is measured is the probe; on S3 itself its answers are what takes the time.
 */
export async function benchManifest(most: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-bench-s3-'));
  try {
    await measure(folder, 2_000); // the code is compiled, and the heap has its usual size
    print('what', 'objects', 'seconds', 'objects/s', 'grown by');
    for (const size of [...SIZES.filter((one) => one < most), most]) {
      const rows = await measure(folder, size);
      for (const { what, seconds, grown } of rows)
        print(what, String(size), seconds.toFixed(1), Math.round(size / seconds).toString(), `${grown} MiB`);
    }
    return 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Row {
  readonly what: string;
  readonly seconds: number;
  /** MiB of resident memory above what it was at the beginning, at its highest. */
  readonly grown: number;
}

async function measure(folder: string, objects: number): Promise<Row[]> {
  const rows: Row[] = [];
  const seed = 'the seed of this night';
  const turns = { every: 1, night: 0 };
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const before = process.memoryUsage.rss();
    let highest = before;
    const timer = setInterval(() => (highest = Math.max(highest, process.memoryUsage.rss())), 20);
    try {
      return await work();
    } finally {
      clearInterval(timer);
      const grown = Math.round((highest - before) / 2 ** 20);
      rows.push({ what, seconds: (performance.now() - startedAt) / 1000, grown });
    }
  };
  const own = await mkdtemp(join(folder, 'run-'));
  const bucket = new MadeUpBucket(objects);
  const take = (pass: 'before' | 'after', more = {}) =>
    engine.fingerprint(bucket, { pass, seed, turns, folder: join(own, pass), ...more }, hooks);
  const before = await timed('manifest', () => take('before'));
  const after = await take('after', { before: before.head });
  const context = { bucket, before, after, folder: join(own, 'copy') };
  for (const id of BUCKET_CHECK_IDS) {
    const what = id === 'objects' ? 'reading the copy, objects' : `comparison: ${id}`;
    const { status, findings } = await timed(what, () => engine.check(id, context, hooks));
    if (status !== 'passed') throw new Error(`${id} ended ${status}: ${JSON.stringify(findings)}`);
  }
  await rm(own, { recursive: true, force: true });
  return rows;
}

const hooks: ProbeHooks = {
  heartbeat: () => undefined,
  signal: new AbortController().signal,
  now: () => new Date(),
};

function print(...cells: readonly string[]): void {
  const [what = '', ...numbers] = cells;
  process.stdout.write(`${what.padEnd(28)}${numbers.map((cell) => cell.padStart(12)).join('')}\n`);
}

/** Any number of objects, none of which is kept. */
class MadeUpBucket implements Bucket {
  readonly name = 'made-up';
  readonly #objects: number;

  constructor(objects: number) {
    this.#objects = objects;
  }

  async list(from: Cursor | null) {
    const start = from === null ? 0 : Number(from.key.slice(-9)) + 1;
    const end = Math.min(this.#objects, start + PAGE);
    const versions = Array.from({ length: end - start }, (_, n) => this.#version(start + n));
    const last = versions.at(-1);
    return {
      versions,
      next: end >= this.#objects || last === undefined ? null : { key: last.key, versionId: last.versionId },
    };
  }

  #version(n: number): ListedVersion {
    const number = String(n).padStart(9, '0');
    return {
      ...{ key: `archive/of/a/customer/with/a/long/name/${number}`, versionId: `version-of-${number}` },
      ...{ marker: false, latest: true, size: n % 50_000, etag: '', modifiedAt: 1_700_000_000_000 + n },
    };
  }

  async details({ key }: { readonly key: string }): Promise<ObjectDetails> {
    return {
      checksum: { algorithm: 'crc64nvme', value: key.slice(-9) },
      ...{ etagIsOpaque: false, metadata: { 'user author': key.slice(-3) }, tagCount: 2 },
      lock: { mode: 'none', until: 0, hold: false },
    };
  }

  async tags({ key }: { readonly key: string }) {
    return { class: 'gold', number: key.slice(-2) };
  }

  async body(): Promise<never> {
    throw new Error('no body of a made-up bucket is needed');
  }

  async locks() {
    return 'off' as const;
  }

  async overwrite(): Promise<never> {
    throw new Error('nobody writes to a made-up bucket');
  }
}
