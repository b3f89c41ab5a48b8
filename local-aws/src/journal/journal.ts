import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type FaultPoints, NO_FAULTS } from '../faults/points.ts';
import type { Journal } from '../platform.ts';
import { decodeLine, encodeLine } from './line.ts';

/** A journal that cannot be trusted: a damaged line that is not the last one. Nothing is guessed. */
export class JournalDamaged extends Error {
  constructor(path: string, line: number, offset: number) {
    super(
      `State file ${path} is damaged at line ${line}, byte ${offset}: its checksum does not match. ` +
        'Restore the file from a copy, or start again with `reset`.',
    );
    this.name = 'JournalDamaged';
  }
}

export interface JournalOptions {
  /** How fault rules call it; default: its path. */
  readonly name?: string;
  readonly faults?: FaultPoints;
  /** false: appends are written but not forced to disk (for events, which no answer depends on). */
  readonly durable?: boolean;
}

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/**
 * Opens (or makes) a journal. Appends that arrive while a sync is under way share the next one (group commit).
 * A torn last line, as a crash leaves it, is cut off.
 * @throws JournalDamaged
 */
export function openJournal<E>(path: string, options: JournalOptions = {}): Journal<E> {
  mkdirSync(dirname(path), { recursive: true });
  const { entries, size } = readAndRepair(path);
  return new FileJournal<E>(path, entries as E[], size, options);
}

/** All entries, oldest first; a torn tail is cut off. @throws JournalDamaged */
export function readEntries(path: string): unknown[] {
  return readAndRepair(path).entries;
}

/** Reads all entries, cutting a torn tail off the file itself. */
function readAndRepair(path: string): { entries: unknown[]; size: number } {
  if (!existsSync(path)) {
    closeSync(openSync(path, 'a', 0o600));
    syncFolder(dirname(path));
    return { entries: [], size: 0 };
  }
  const content = readFileSync(path);
  const entries: unknown[] = [];
  let start = 0;
  let lineNumber = 0;
  while (start < content.length) {
    lineNumber += 1;
    const end = content.indexOf(0x0a, start);
    const line = end === -1 ? undefined : decodeLine(content.toString('utf8', start, end));
    if (line === undefined) {
      const isLast = end === -1 || end === content.length - 1;
      if (!isLast) throw new JournalDamaged(path, lineNumber, start);
      cut(path, start);
      break;
    }
    entries.push(line.entry);
    start = end + 1;
  }
  return { entries, size: start };
}

function cut(path: string, length: number): void {
  const fd = openSync(path, 'r+');
  try {
    ftruncateSync(fd, length);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

class FileJournal<E> implements Journal<E> {
  readonly path: string;
  lines: number;
  private found: E[];
  private readonly durable: boolean;
  private readonly name: string;
  private readonly faults: FaultPoints;
  /** Bytes of whole, accepted lines. */
  private size: number;
  private waiting: Waiting[] = [];
  private running: Promise<void> | undefined;
  private handle: FileHandle | undefined;
  private broken: Error | undefined;
  private closed = false;

  constructor(path: string, found: E[], size: number, options: JournalOptions) {
    this.path = path;
    this.found = found;
    this.lines = found.length;
    this.size = size;
    this.durable = options.durable ?? true;
    this.name = options.name ?? path;
    this.faults = (this.durable ? options.faults : undefined) ?? NO_FAULTS;
  }

  replay(): E[] {
    const found = this.found;
    this.found = [];
    return found;
  }

  append(entry: E): Promise<void> {
    if (this.closed) return Promise.reject(new Error(`Journal ${this.path} is closed.`));
    const line = encodeLine(entry);
    return new Promise((resolve, reject) => {
      this.waiting.push({ line, resolve, reject });
      this.running ??= this.drain();
    });
  }

  async compact(entries: () => readonly E[]): Promise<void> {
    while (this.running) await this.running;
    this.running = this.replace(entries).finally(() => {
      this.running = undefined;
      if (this.waiting.length > 0) this.running = this.drain();
    });
    await this.running;
  }

  async close(): Promise<void> {
    this.closed = true;
    while (this.running) await this.running;
    await this.handle?.close();
    this.handle = undefined;
  }

  private async replace(entries: () => readonly E[]): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
    const temporary = `${this.path}.new`;
    const content = entries();
    const text = content.map(encodeLine).join('');
    const { faults, name } = this;
    faults.crash('compact.begin', name);
    faults.crash('compact.half', name, () => writeFileSync(temporary, halfOf(text)));
    writeFileSync(temporary, text, { mode: 0o600, flush: true });
    faults.crash('compact.written', name);
    renameSync(temporary, this.path);
    this.size = Buffer.byteLength(text);
    this.lines = content.length;
    faults.crash('compact.renamed', name);
    syncFolder(dirname(this.path));
  }

  private async drain(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        if (this.broken) throw this.broken;
        await this.write(batch.map(({ line }) => line).join(''));
        this.lines += batch.length;
        for (const { resolve } of batch) resolve();
      } catch (cause) {
        for (const { reject } of batch) reject(cause);
      }
    }
    this.running = undefined;
  }

  private async write(text: string): Promise<void> {
    const { faults, name } = this;
    faults.crash('journal.append', name);
    this.handle ??= await open(this.path, 'a', 0o600);
    faults.crash('journal.torn', name, () => appendFileSync(this.path, halfOf(text)));
    try {
      const full = faults.diskFull('journal', name);
      await this.handle.appendFile(full ? halfOf(text) : text);
      if (full) throw full;
    } catch (cause) {
      await this.takeBack(this.handle, cause);
      throw cause;
    }
    faults.crash('journal.written', name);
    try {
      if (this.durable) await this.handle.datasync();
    } catch (cause) {
      // What of it is on disk nobody can say; it must not be built upon.
      this.broken = new Error(`State file ${this.path} could not be forced to disk.`, { cause });
      throw this.broken;
    }
    this.size += Buffer.byteLength(text);
    faults.crash('journal.synced', name);
  }

  /** Half a line may be on disk: nothing may follow it, or the journal would be damaged in the middle. */
  private async takeBack(handle: FileHandle, cause: unknown): Promise<void> {
    await handle.truncate(this.size).catch(() => {
      this.broken = new Error(`State file ${this.path} cannot be written.`, { cause });
    });
  }
}

function halfOf(text: string): string {
  return text.slice(0, Math.ceil(text.length / 2));
}
