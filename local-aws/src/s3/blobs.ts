import { randomUUID } from 'node:crypto';
import { constants, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { copyFile, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type FaultPoints, NO_FAULTS } from '../faults/points.ts';
import { BlobSink, type DigestName } from './blob-sink.ts';
import type { ChecksumAlgorithm } from './checksums.ts';
import { HashThread } from './hash-thread.ts';

export interface ReceivedBlob {
  readonly blob: string;
  readonly size: number;
  /** Hex; empty when it was not wanted. */
  readonly md5: string;
  readonly checksums: Readonly<Partial<Record<ChecksumAlgorithm, string>>>;
}

export interface ReceiveOptions {
  /** Default: true. */
  readonly md5?: boolean;
  /** More than this are refused with EntityTooLarge. */
  readonly maxBytes?: number;
}

/** Objects' bytes, one file each. A blob is on disk, name and all, before anything refers to it. */
export interface BlobStore {
  receive(
    source: Readable | AsyncIterable<Uint8Array>,
    algorithms: readonly ChecksumAlgorithm[],
    options?: ReceiveOptions,
  ): Promise<ReceivedBlob>;
  /** A new blob of the same bytes one after the other; of one blob: its copy. Copied, not linked: a link would rot together. */
  join(blobs: readonly string[]): Promise<string>;
  read(blob: string, range?: { start: number; end: number }): Promise<Readable>;
  remove(blob: string): Promise<void>;
  /** Deletes what nothing refers to: left by uploads that a crash cut short. Returns how many. */
  sweep(inUse: ReadonlySet<string>): number;
  pathOf(blob: string): string;
  close(): Promise<void>;
}

const READ_BYTES = 1024 * 1024;

export function createBlobStore(folder: string, faults: FaultPoints = NO_FAULTS): BlobStore {
  const incoming = join(folder, 'incoming');
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true, mode: 0o700 });
  const pathOf = (blob: string): string => join(folder, blob.slice(0, 2), blob);
  const thread = new HashThread();

  /** @param fill writes the file and syncs it */
  const keep = async <T>(fill: (temporary: string, onFirst: () => void) => Promise<T>) => {
    const blob = randomUUID();
    const temporary = join(incoming, blob);
    faults.crash('blob.begin', blob);
    const onFirst = (): void => {
      faults.crash('blob.half', blob);
      const full = faults.diskFull('blob', blob);
      if (full) throw full;
    };
    let filled: T;
    try {
      filled = await fill(temporary, onFirst);
    } catch (err) {
      await rm(temporary, { force: true });
      throw err;
    }
    faults.crash('blob.written', blob);
    const target = pathOf(blob);
    const parent = join(folder, blob.slice(0, 2));
    if (!existsSync(parent)) {
      mkdirSync(parent, { recursive: true, mode: 0o700 });
      await syncFolder(folder);
    }
    await rename(temporary, target);
    await syncFolder(parent);
    faults.crash('blob.renamed', blob);
    return { blob, ...filled };
  };

  return {
    pathOf,
    async receive(source, algorithms, { md5: wantsMd5 = true, maxBytes = Infinity } = {}) {
      const wanted = [...new Set<DigestName>(wantsMd5 ? ['MD5', ...algorithms] : algorithms)];
      const { MD5 = '', ...rest } = await keep(async (temporary, onFirst) => {
        const handle = await open(temporary, 'wx', 0o600);
        const sink = new BlobSink(handle, { algorithms: wanted, maxBytes, onFirst, thread });
        try {
          await pipeline(source, sink);
          await handle.datasync();
        } finally {
          await sink.settled();
          await handle.close();
        }
        const { MD5, ...checksums } = sink.digests;
        return { size: sink.size, checksums, MD5 };
      });
      return { ...rest, md5: Buffer.from(MD5, 'base64').toString('hex') };
    },
    async join(blobs) {
      const { blob } = await keep(async (temporary, onFirst) => {
        onFirst();
        const [first = '', ...others] = blobs;
        await copyFile(pathOf(first), temporary, constants.COPYFILE_FICLONE);
        const handle = await open(temporary, 'a', 0o600);
        try {
          for (const other of others) await append(handle, pathOf(other));
          await handle.datasync();
        } finally {
          await handle.close();
        }
        return {};
      });
      return blob;
    },
    async read(blob, range) {
      const handle = await open(pathOf(blob), 'r');
      return handle.createReadStream({ highWaterMark: READ_BYTES, ...(range ?? {}) });
    },
    async remove(blob) {
      // A rehearsed loss may have taken the file already; its record is gone, too, so nothing is hidden by that.
      await rm(pathOf(blob), { force: true });
    },
    close: () => thread.close(),
    sweep(inUse) {
      let removed = 0;
      for (const shard of readdirSync(folder).filter((name) => name !== 'incoming')) {
        for (const blob of readdirSync(join(folder, shard))) {
          if (inUse.has(blob)) continue;
          rmSync(join(folder, shard, blob), { force: true });
          removed += 1;
        }
      }
      return removed;
    },
  };
}

async function append(target: FileHandle, path: string): Promise<void> {
  const source = await open(path, 'r');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, READ_BYTES);
      if (bytesRead === 0) return;
      await target.writeFile(buffer.subarray(0, bytesRead));
    }
  } finally {
    await source.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
