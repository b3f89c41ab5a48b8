import { mkdir, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cursor } from './bucket.ts';
import { RECORD, writeRecord, type VersionRecord } from './records.ts';

/** How far a listing has come. `next` is null when it is complete. */
interface Progress<T> {
  readonly next: Cursor | null;
  readonly complete: boolean;
  readonly records: number;
  readonly keyBytes: number;
  readonly tally: T;
}

/**
 * What was read of a bucket so far, on the prober's own disk: records, keys beside them where they are needed, and where to go on. Pages
 * are appended, then the progress is replaced; whoever finds the folder after a crash cuts off what is not in the progress and goes on.
 * Holds keys in the clear: readable by its owner only, and removed by `discard`.
 */
export class Spool<T extends object> {
  readonly recordsFile: string;
  readonly keysFile: string;
  readonly #folder: string;
  readonly #withKeys: boolean;
  readonly #records: FileHandle;
  readonly #keys: FileHandle;
  #progress: Progress<T>;

  private constructor(
    folder: string,
    withKeys: boolean,
    [records, keys]: readonly [FileHandle, FileHandle],
    progress: Progress<T>,
  ) {
    this.#folder = folder;
    this.recordsFile = join(folder, 'records');
    this.keysFile = join(folder, 'keys');
    this.#withKeys = withKeys;
    [this.#records, this.#keys] = [records, keys];
    this.#progress = progress;
  }

  static async open<T extends object>(
    folder: string,
    { withKeys, tally }: { withKeys: boolean; tally: T },
  ): Promise<Spool<T>> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const progress = (await earlier<T>(folder)) ?? {
      ...{ next: null, complete: false, records: 0, keyBytes: 0, tally },
    };
    const handles = [
      await open(join(folder, 'records'), 'a', 0o600),
      await open(join(folder, 'keys'), 'a', 0o600),
    ] as const;
    await handles[0].truncate(progress.records * RECORD);
    await handles[1].truncate(progress.keyBytes);
    return new Spool(folder, withKeys, handles, progress);
  }

  get progress(): Progress<T> {
    return this.#progress;
  }

  /** @param page each record with its key. `tally` is kept with the progress, and found again after a crash. */
  async append(
    page: readonly (readonly [VersionRecord, string])[],
    next: Cursor | null,
    tally: T,
  ): Promise<void> {
    const records = Buffer.alloc(page.length * RECORD);
    const keys: string[] = [];
    let keyBytes = this.#progress.keyBytes;
    page.forEach(([record, key], n) => {
      writeRecord(this.#withKeys ? { ...record, at: keyBytes } : record, records, n * RECORD);
      if (!this.#withKeys) return;
      const line = `${JSON.stringify(key)}\n`;
      keys.push(line);
      keyBytes += Buffer.byteLength(line);
    });
    await this.#records.appendFile(records);
    if (keys.length > 0) await this.#keys.appendFile(keys.join(''));
    const progress = {
      next,
      complete: next === null,
      records: this.#progress.records + page.length,
      keyBytes,
      tally,
    };
    const file = join(this.#folder, 'progress');
    await writeFile(`${file}.new`, JSON.stringify(progress), { mode: 0o600 });
    await rename(`${file}.new`, file);
    this.#progress = progress;
  }

  async close(): Promise<void> {
    await this.#records.close();
    await this.#keys.close();
  }

  async discard(): Promise<void> {
    await this.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function earlier<T>(folder: string): Promise<Progress<T> | null> {
  try {
    return JSON.parse(await readFile(join(folder, 'progress'), 'utf8')) as Progress<T>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The key that `at` points at, from the list beside the records. */
export async function keyAt(keys: FileHandle, at: number): Promise<string> {
  // S3's keys have 1024 bytes at most; JSON takes six characters for the worst of them.
  const buffer = Buffer.alloc(6 * 1024 + 3);
  const { bytesRead } = await keys.read(buffer, 0, buffer.length, at);
  const end = buffer.indexOf(0x0a);
  if (end < 0 || end >= bytesRead) throw new RangeError('the list of keys is cut short');
  return JSON.parse(buffer.toString('utf8', 0, end)) as string;
}
