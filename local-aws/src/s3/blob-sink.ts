import type { FileHandle } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { startChecksum, type ChecksumAlgorithm, type RunningChecksum } from './checksums.ts';
import { entityTooLarge } from './errors.ts';
import { BLOCK_BYTES, type Block, type HashThread, type ThreadHash, type ThreadJob } from './hash-thread.ts';

export type DigestName = ChecksumAlgorithm | 'MD5';

/** Base64. */
export type Digests = Readonly<Partial<Record<DigestName, string>>>;

const SYNC_BYTES = 32 * BLOCK_BYTES;
/** One is filled, one written, one digested. */
const BLOCKS_AT_ONCE = 3;
const THREAD_HASHES: Readonly<Partial<Record<DigestName, ThreadHash>>> = {
  MD5: 'md5',
  SHA1: 'sha1',
  SHA256: 'sha256',
};

export interface SinkOptions {
  readonly algorithms: readonly DigestName[];
  readonly maxBytes: number;
  /** Runs before the first byte is kept; what it throws ends the stream. */
  readonly onFirst: () => void;
  readonly thread: HashThread;
}

/**
 * Writes a stream into a file and digests it. What is shorter than a block is digested at once; of more, the slow digests are made
 * by another thread, from blocks that it shares with the disk.
 */
export class BlobSink extends Writable {
  size = 0;
  digests: Digests = {};
  readonly #handle: FileHandle;
  readonly #options: SinkOptions;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #written = 0;
  #synced = 0;
  #syncing: Promise<unknown> | undefined;
  #failure: unknown;
  #writing: Promise<void> = Promise.resolve();
  readonly #busy: Promise<void>[] = [];
  /** Whether the stream is longer than a block. */
  #begun = false;
  #job: ThreadJob | undefined;
  readonly #running = new Map<DigestName, RunningChecksum>();

  constructor(handle: FileHandle, options: SinkOptions) {
    super({ highWaterMark: BLOCK_BYTES });
    this.#handle = handle;
    this.#options = options;
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (err?: Error | null) => void): void {
    const { maxBytes, onFirst } = this.#options;
    try {
      if (this.size === 0) onFirst();
      this.size += chunk.byteLength;
      if (this.size > maxBytes) throw entityTooLarge(this.size, maxBytes);
    } catch (err) {
      done(err as Error);
      return;
    }
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.byteLength;
    if (this.#pendingBytes <= BLOCK_BYTES) done();
    else this.#moveBlocks(BLOCK_BYTES).then(() => done(), done);
  }

  override _final(done: (err?: Error | null) => void): void {
    this.#finish().then(() => done(), done);
  }

  /** Resolves when nothing uses the file any more, however the stream ended. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#syncing, ...this.#busy]);
    this.#job?.forget();
  }

  async #finish(): Promise<void> {
    if (this.#begun) await this.#moveBlocks(1);
    else await this.#finishSmall();
    await this.#writing;
    await Promise.all(this.#busy);
    await this.#syncing;
    if (this.#failure !== undefined) throw this.#failure as Error;
    const digests: Partial<Record<DigestName, string>> = {};
    for (const [name, running] of this.#running) digests[name] = running.digest();
    if (this.#job) {
      const slow = await this.#job.end();
      this.#job = undefined;
      for (const [index, name] of this.#slowNames().entries()) digests[name] = slow[index] ?? '';
    }
    this.digests = digests;
  }

  async #finishSmall(): Promise<void> {
    await this.#begin(this.#options.algorithms);
    for (const chunk of this.#pending) for (const running of this.#running.values()) running.update(chunk);
    const left = this.#pendingBytes;
    if (left === 0) return;
    const { bytesWritten } = await this.#handle.writev(this.#pending);
    if (bytesWritten < left)
      await this.#handle.writeFile(Buffer.concat(this.#pending).subarray(bytesWritten));
  }

  async #begin(names: readonly DigestName[]): Promise<void> {
    for (const name of names) this.#running.set(name, await startChecksum(name));
  }

  #slowNames(): DigestName[] {
    return this.#options.algorithms.filter((name) => THREAD_HASHES[name] !== undefined);
  }

  /** Moves what waits into blocks until less than `least` bytes are left. */
  async #moveBlocks(least: number): Promise<void> {
    if (!this.#begun) {
      this.#begun = true;
      const slow = this.#slowNames();
      await this.#begin(this.#options.algorithms.filter((name) => !slow.includes(name)));
      if (slow.length > 0)
        this.#job = this.#options.thread.start(slow.flatMap((name) => THREAD_HASHES[name] ?? []));
    }
    while (this.#pendingBytes >= least) {
      while (this.#busy.length >= BLOCKS_AT_ONCE) await Promise.race(this.#busy);
      if (this.#failure !== undefined) throw this.#failure as Error;
      const block = this.#options.thread.takeBlock();
      const length = this.#fill(block.bytes);
      for (const running of this.#running.values()) running.update(block.bytes.subarray(0, length));
      this.#spend(block, length);
    }
  }

  #fill(target: Uint8Array): number {
    let filled = 0;
    while (filled < target.byteLength) {
      const chunk = this.#pending[0];
      if (!chunk) break;
      const part = chunk.subarray(0, target.byteLength - filled);
      target.set(part, filled);
      filled += part.byteLength;
      if (part.byteLength === chunk.byteLength) this.#pending.shift();
      else this.#pending[0] = chunk.subarray(part.byteLength);
    }
    this.#pendingBytes -= filled;
    return filled;
  }

  /** Writes and digests a block at the same time; it is free when both are done. */
  #spend(block: Block, length: number): void {
    const at = this.#written;
    this.#written += length;
    this.#writing = this.#writing.then(() => writeFully(this.#handle, block.bytes.subarray(0, length), at));
    const used = Promise.all([this.#writing, this.#job?.update(block, length)])
      .then(() => this.#options.thread.giveBack(block))
      .catch((err: unknown) => void (this.#failure ??= err))
      .finally(() => void this.#busy.splice(this.#busy.indexOf(used), 1));
    this.#busy.push(used);
    if (this.#written - this.#synced < SYNC_BYTES || this.#syncing) return;
    // The disk gets to work while the rest is still coming, so that the last sync has little left to do.
    this.#synced = this.#written;
    this.#syncing = this.#writing
      .then(() => this.#handle.datasync())
      // Kept, since the system tells of a failed write only once.
      .catch((err: unknown) => void (this.#failure ??= err))
      .finally(() => (this.#syncing = undefined));
  }
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength) {
    const rest = bytes.byteLength - written;
    written += (await handle.write(bytes, written, rest, at + written)).bytesWritten;
  }
}
