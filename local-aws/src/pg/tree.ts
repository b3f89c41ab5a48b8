import { createHash, webcrypto } from 'node:crypto';
import { chownSync, closeSync, constants, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { chmod, chown, copyFile, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Account } from './account.ts';

/** One SHA-256 per MiB, so that a difference can be placed and big files are hashed in parallel. */
export const CHUNK_BYTES = 1024 * 1024;
/** Up to here a file is copied in one go: four system calls cost less than one trip through the thread pool. */
const SMALL_BYTES = 128 * 1024;
/** How long small files may keep the event loop before others get a turn. */
const SLICE_MS = 4;
const BIG_AT_ONCE = 3;

export interface FileDigest {
  readonly size: number;
  /** Hex, one per chunk of `CHUNK_BYTES`. */
  readonly sha256: readonly string[];
}

export type Digests = Record<string, FileDigest>;

/** What lies below a folder: relative paths, folders first. Symbolic links are refused: none belong there. */
export interface Listing {
  readonly folders: readonly string[];
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** Lists `root`; `skip` leaves out a path, `hollow` keeps a folder but not what is in it. Files that vanish meanwhile are left out. */
export async function listTree(
  root: string,
  { skip, hollow }: { skip?: (path: string) => boolean; hollow?: (path: string) => boolean } = {},
): Promise<Listing> {
  const folders: string[] = [];
  const files: { path: string; size: number }[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((cause: unknown) => {
      if (folder !== '' && vanished(cause)) return [];
      throw cause;
    });
    const inner: Promise<void>[] = [];
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (skip?.(path) === true) continue;
      if (entry.isDirectory()) {
        folders.push(path);
        if (hollow?.(path) !== true) inner.push(visit(path));
      } else if (entry.isFile()) {
        const found = await stat(join(root, path)).catch((cause: unknown) => {
          if (vanished(cause)) return undefined;
          throw cause;
        });
        if (found) files.push({ path, size: found.size });
      } else {
        throw new Error(`${join(root, path)} is neither a file nor a folder; a snapshot cannot hold it.`);
      }
    }
    await Promise.all(inner);
  };
  await visit('');
  folders.sort();
  return { folders, files };
}

export interface CopyOptions {
  readonly owner?: Account | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Files may disappear while a running server is copied; elsewhere that is an error. */
  readonly mayVanish?: boolean;
  readonly onBytes?: (bytes: number) => void;
  /** `false` when nobody asks for digests: faster, and shares blocks where the file system can (never links). */
  readonly digest?: boolean;
}

/** Makes the folders of a listing below `to`, mode 700 as PostgreSQL demands. */
export function makeFolders(to: string, folders: readonly string[], owner: Account | undefined): void {
  for (const folder of ['', ...folders]) {
    mkdirSync(join(to, folder), { recursive: true, mode: 0o700 });
    if (owner) chownSync(join(to, folder), owner.uid, owner.gid);
  }
}

/**
 * Copies files byte by byte and hashes what was written. Never links: PostgreSQL writes in place, and a linked copy would
 * change with its origin. Nothing is synced: after a power cut the digests tell what got lost.
 */
export async function copyFiles(
  from: string,
  to: string,
  files: Listing['files'],
  options: CopyOptions = {},
): Promise<Digests> {
  const digests: Digests = {};
  await eachFile(files, options.signal, {
    small: (path, buffer) => {
      const read = readWhole(join(from, path), buffer, options.mayVanish === true);
      if (read === 'gone') return;
      if (read === 'grown') return 'big';
      writeWhole(join(to, path), read, options.owner);
      if (options.digest !== false) digests[path] = digestOf(read);
      options.onBytes?.(read.length);
      return;
    },
    big: async (path) => {
      if (options.digest === false) return cloneBig(join(from, path), join(to, path), options);
      const copied = await copyBig(join(from, path), join(to, path), options);
      if (copied) digests[path] = copied;
    },
  });
  return digests;
}

/** Hashes files without copying them. */
export async function digestFiles(
  root: string,
  files: Listing['files'],
  signal?: AbortSignal,
): Promise<Digests> {
  const digests: Digests = {};
  await eachFile(files, signal, {
    small: (path, buffer) => {
      const read = readWhole(join(root, path), buffer, false);
      if (read === 'grown' || read === 'gone') return 'big';
      digests[path] = digestOf(read);
      return;
    },
    big: async (path) => {
      digests[path] = await digestBig(join(root, path), signal);
    },
  });
  return digests;
}

interface Work {
  /** Returns `big` for a file that turned out larger than listed. */
  small(path: string, buffer: Buffer): 'big' | undefined;
  big(path: string): Promise<void>;
}

async function eachFile(files: Listing['files'], signal: AbortSignal | undefined, work: Work): Promise<void> {
  const buffer = Buffer.allocUnsafe(SMALL_BYTES + 1);
  const big = files.filter(({ size }) => size > SMALL_BYTES).map(({ path }) => path);
  const small = async () => {
    let since = performance.now();
    for (const { path, size } of files) {
      if (size > SMALL_BYTES) continue;
      if (work.small(path, buffer) === 'big') big.push(path);
      if (performance.now() - since < SLICE_MS) continue;
      await breathe();
      signal?.throwIfAborted();
      since = performance.now();
    }
  };
  let next = 0;
  const lane = async () => {
    // A lane that finds nothing must not step over what comes later: files that turn out larger than listed.
    for (let path = big[next]; path !== undefined; path = big[next]) {
      next += 1;
      signal?.throwIfAborted();
      await work.big(path);
    }
  };
  await Promise.all([small().then(lane), ...Array.from({ length: BIG_AT_ONCE }, lane)]);
}

function readWhole(path: string, buffer: Buffer, mayVanish: boolean): Buffer | 'gone' | 'grown' {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    if (mayVanish && vanished(cause)) return 'gone';
    throw cause;
  }
  try {
    let length = 0;
    for (let read = 1; read > 0 && length < buffer.length; length += read)
      read = readSync(fd, buffer, length, buffer.length - length, length);
    return length === buffer.length ? 'grown' : buffer.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

function writeWhole(path: string, content: Buffer, owner: Account | undefined): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    for (let at = 0; at < content.length;) at += writeSync(fd, content, at);
  } finally {
    closeSync(fd);
  }
  if (owner) chownSync(path, owner.uid, owner.gid);
}

async function copyBig(from: string, to: string, options: CopyOptions): Promise<FileDigest | undefined> {
  const source = await open(from, 'r').catch((cause: unknown) => {
    if (options.mayVanish === true && vanished(cause)) return undefined;
    throw cause;
  });
  if (!source) return undefined;
  try {
    const target = await open(to, 'w', 0o600);
    try {
      if (options.owner) await target.chown(options.owner.uid, options.owner.gid);
      return await eachChunk(source.fd, options.signal, async (chunk, at) => {
        await target.write(chunk, 0, chunk.length, at);
        options.onBytes?.(chunk.length);
      });
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function cloneBig(from: string, to: string, options: CopyOptions): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, 0o600);
  if (options.owner) await chown(to, options.owner.uid, options.owner.gid);
  options.onBytes?.((await stat(to)).size);
}

async function digestBig(path: string, signal: AbortSignal | undefined): Promise<FileDigest> {
  const source = await open(path, 'r');
  try {
    return await eachChunk(source.fd, signal, () => Promise.resolve());
  } finally {
    await source.close();
  }
}

async function eachChunk(
  fd: number,
  signal: AbortSignal | undefined,
  handle: (chunk: Buffer, at: number) => Promise<void>,
): Promise<FileDigest> {
  const digests: Promise<string>[] = [];
  let size = 0;
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    signal?.throwIfAborted();
    let length = 0;
    // One MiB from the page cache is a memory copy; a thread pool trip would cost more than it saves.
    for (let read = 1; read > 0 && length < CHUNK_BYTES; length += read)
      read = readSync(fd, buffer, length, CHUNK_BYTES - length, size + length);
    if (length === 0) break;
    const chunk = buffer.subarray(0, length);
    const digest = webcrypto.subtle.digest('SHA-256', chunk); // copies the chunk, hashes it on another thread
    digests.push(digest.then((hash) => Buffer.from(hash).toString('hex')));
    await handle(chunk, size);
    if (digests.length % 4 === 0) await digest; // bounds what is queued
    size += length;
    if (length < CHUNK_BYTES) break;
  }
  return { size, sha256: await Promise.all(digests) };
}

/** Of a file that fits into one chunk. */
function digestOf(bytes: Buffer): FileDigest {
  const sha256 = bytes.length > 0 ? [createHash('sha256').update(bytes).digest('hex')] : [];
  return { size: bytes.length, sha256 };
}

export function vanished(cause: unknown): boolean {
  return (cause as NodeJS.ErrnoException).code === 'ENOENT';
}
