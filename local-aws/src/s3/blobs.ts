import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open, rename, rm, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type FaultPoints, NO_FAULTS } from '../faults/points.ts';
import { startChecksum, type ChecksumAlgorithm } from './checksums.ts';
import { entityTooLarge } from './errors.ts';

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
  read(blob: string, range?: { start: number; end: number }): Promise<Readable>;
  remove(blob: string): Promise<void>;
  /** Deletes what nothing refers to: left by uploads that a crash cut short. Returns how many. */
  sweep(inUse: ReadonlySet<string>): number;
  pathOf(blob: string): string;
}

const BUFFER_BYTES = 1024 * 1024;
const SYNC_BYTES = 32 * 1024 * 1024;

export function createBlobStore(folder: string, faults: FaultPoints = NO_FAULTS): BlobStore {
  const incoming = join(folder, 'incoming');
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true, mode: 0o700 });
  const pathOf = (blob: string): string => join(folder, blob.slice(0, 2), blob);

  return {
    pathOf,
    async receive(source, algorithms, { md5: wantsMd5 = true, maxBytes = Infinity } = {}) {
      const blob = randomUUID();
      const temporary = join(incoming, blob);
      faults.crash('blob.begin', blob);
      const wanted = [...new Set(algorithms)];
      const md5 = wantsMd5 ? await startChecksum('MD5') : undefined;
      const running = await Promise.all(wanted.map(startChecksum));
      const handle = await open(temporary, 'wx', 0o600);
      let size: number;
      try {
        let half = false;
        size = await writeAll(handle, source, maxBytes, (chunk) => {
          if (!half) {
            half = true;
            faults.crash('blob.half', blob);
            const full = faults.diskFull('blob', blob);
            if (full) throw full;
          }
          md5?.update(chunk);
          for (const checksum of running) checksum.update(chunk);
        });
        await handle.datasync();
      } catch (err) {
        await handle.close();
        await unlink(temporary);
        throw err;
      }
      await handle.close();
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
      const checksums = Object.fromEntries(
        wanted.map((algorithm, index) => [algorithm, running[index]?.digest()]),
      );
      const hex = Buffer.from(md5?.digest() ?? '', 'base64').toString('hex');
      return { blob, size, md5: hex, checksums };
    },
    async read(blob, range) {
      const handle = await open(pathOf(blob), 'r');
      return handle.createReadStream({ highWaterMark: BUFFER_BYTES, ...(range ?? {}) });
    },
    async remove(blob) {
      // A rehearsed loss may have taken the file already; its record is gone, too, so nothing is hidden by that.
      await rm(pathOf(blob), { force: true });
    },
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

/** Gathers small chunks, so that the disk sees large writes; digests go on while it writes. */
async function writeAll(
  handle: FileHandle,
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  see: (chunk: Uint8Array) => void,
): Promise<number> {
  let size = 0;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let writing = Promise.resolve();
  let syncing: Promise<unknown> | undefined;
  let syncFailure: unknown;
  let synced = 0;
  try {
    for await (const chunk of source) {
      size += chunk.byteLength;
      if (size > maxBytes) throw entityTooLarge(size, maxBytes);
      see(chunk);
      pending.push(chunk);
      pendingBytes += chunk.byteLength;
      if (pendingBytes < BUFFER_BYTES) continue;
      const full = pending;
      pending = [];
      pendingBytes = 0;
      await writing;
      writing = writeFully(handle, full);
      writing.catch(() => undefined); // heard at the next await
      if (size - synced < SYNC_BYTES) continue;
      // The disk gets to work while the rest is still coming, so that the last sync has little left to do.
      synced = size;
      // Kept, since the system tells of a failed write only once.
      syncing ??= handle
        .datasync()
        .catch((err: unknown) => (syncFailure ??= err))
        .then(() => (syncing = undefined));
    }
  } finally {
    await Promise.allSettled([writing, syncing]);
  }
  await writing;
  if (syncFailure !== undefined) throw syncFailure as Error;
  await writeFully(handle, pending);
  return size;
}

async function writeFully(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  if (bytes === 0) return;
  const { bytesWritten } = await handle.writev(chunks);
  if (bytesWritten < bytes) await handle.writeFile(Buffer.concat(chunks).subarray(bytesWritten));
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
