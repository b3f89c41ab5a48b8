import {
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
import type { Journal } from '../platform.ts';
import { decodeLine, encodeLine } from './line.ts';

/** A journal that cannot be trusted: a damaged line that is not the last one. Nothing is guessed. */
export class JournalDamaged extends Error {
  constructor(path: string, line: number) {
    super(
      `State file ${path} is damaged at line ${line}: its checksum does not match. ` +
        'Restore the file from a copy, or start again with `reset`.',
    );
    this.name = 'JournalDamaged';
  }
}

export interface JournalOptions {
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
  const found = readAndRepair(path);
  return new FileJournal<E>(path, found as E[], options.durable ?? true);
}

/** Reads all entries, cutting a torn tail off the file itself. */
function readAndRepair(path: string): unknown[] {
  if (!existsSync(path)) {
    closeSync(openSync(path, 'a', 0o600));
    syncFolder(dirname(path));
    return [];
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
      if (!isLast) throw new JournalDamaged(path, lineNumber);
      cut(path, start);
      break;
    }
    entries.push(line.entry);
    start = end + 1;
  }
  return entries;
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

function syncFolder(path: string): void {
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
  private waiting: Waiting[] = [];
  private running: Promise<void> | undefined;
  private handle: FileHandle | undefined;
  private broken: Error | undefined;
  private closed = false;

  constructor(path: string, found: E[], durable: boolean) {
    this.path = path;
    this.found = found;
    this.lines = found.length;
    this.durable = durable;
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
    writeFileSync(temporary, content.map(encodeLine).join(''), { mode: 0o600, flush: true });
    renameSync(temporary, this.path);
    syncFolder(dirname(this.path));
    this.lines = content.length;
  }

  private async drain(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        if (this.broken) throw this.broken;
        this.handle ??= await open(this.path, 'a', 0o600);
        await this.handle.appendFile(batch.map(({ line }) => line).join(''));
        if (this.durable) await this.handle.datasync();
        this.lines += batch.length;
        for (const { resolve } of batch) resolve();
      } catch (cause) {
        // A half-written line may be on disk: nothing may follow it, or the journal would be damaged in the middle.
        this.broken ??= new Error(`Cannot write state file ${this.path}.`, { cause });
        for (const { reject } of batch) reject(this.broken);
      }
    }
    this.running = undefined;
  }
}
