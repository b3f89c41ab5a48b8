import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open, rename, rm, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { startChecksum, type ChecksumAlgorithm } from './checksums.ts';

export interface ReceivedBlob {
  readonly blob: string;
  readonly size: number;
  /** Hex. */
  readonly md5: string;
  readonly checksums: Readonly<Partial<Record<ChecksumAlgorithm, string>>>;
}

/** Objects' bytes, one file each. A blob is on disk, name and all, before anything refers to it. */
export interface BlobStore {
  receive(
    source: Readable | AsyncIterable<Uint8Array>,
    algorithms: readonly ChecksumAlgorithm[],
  ): Promise<ReceivedBlob>;
  read(blob: string, range?: { start: number; end: number }): Promise<Readable>;
  remove(blob: string): Promise<void>;
  /** Deletes what nothing refers to: left by uploads that a crash cut short. Returns how many. */
  sweep(inUse: ReadonlySet<string>): number;
  pathOf(blob: string): string;
}

const BUFFER_BYTES = 1024 * 1024;

export function createBlobStore(folder: string): BlobStore {
  const incoming = join(folder, 'incoming');
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true, mode: 0o700 });
  const pathOf = (blob: string): string => join(folder, blob.slice(0, 2), blob);

  return {
    pathOf,
    async receive(source, algorithms) {
      const blob = randomUUID();
      const temporary = join(incoming, blob);
      const wanted = [...new Set(algorithms)];
      const md5 = await startChecksum('MD5');
      const running = await Promise.all(wanted.map(startChecksum));
      const handle = await open(temporary, 'wx', 0o600);
      let size: number;
      try {
        size = await writeAll(handle, source, (chunk) => {
          md5.update(chunk);
          for (const checksum of running) checksum.update(chunk);
        });
        await handle.datasync();
      } catch (err) {
        await handle.close();
        await unlink(temporary);
        throw err;
      }
      await handle.close();
      const target = pathOf(blob);
      const parent = join(folder, blob.slice(0, 2));
      if (!existsSync(parent)) {
        mkdirSync(parent, { recursive: true, mode: 0o700 });
        await syncFolder(folder);
      }
      await rename(temporary, target);
      await syncFolder(parent);
      const checksums = Object.fromEntries(
        wanted.map((algorithm, index) => [algorithm, running[index]?.digest()]),
      );
      return { blob, size, md5: Buffer.from(md5.digest(), 'base64').toString('hex'), checksums };
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

/** Gathers small chunks, so that the disk sees large writes. */
async function writeAll(
  handle: FileHandle,
  source: AsyncIterable<Uint8Array>,
  see: (chunk: Uint8Array) => void,
): Promise<number> {
  let size = 0;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  const flush = async (): Promise<void> => {
    if (pendingBytes === 0) return;
    const parts = pending;
    pending = [];
    pendingBytes = 0;
    await handle.writeFile(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts));
  };
  for await (const chunk of source) {
    see(chunk);
    size += chunk.byteLength;
    pending.push(chunk);
    pendingBytes += chunk.byteLength;
    if (pendingBytes >= BUFFER_BYTES) await flush();
  }
  await flush();
  return size;
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
