import { open, rm, type FileHandle } from 'node:fs/promises';
import { RECORD, SORTED_BY } from './records.ts';

/** Records that are sorted in memory at once: 11 MB. */
const AT_ONCE = 131_072;
/** Records that are read of each run at once while runs are merged. */
const WINDOW = 512;

/**
 * Sorts a file of records by key and version, in bounded memory whatever its size: sorted runs on disk, merged into `to`.
 * @param head bytes that come before the first record.
 */
export async function sortRecords(
  from: string,
  to: string,
  { head = Buffer.alloc(0), signal }: { head?: Buffer; signal: AbortSignal },
): Promise<void> {
  const runs = await writeRuns(from, to, signal);
  const out = await open(to, 'w', 0o600);
  try {
    await out.appendFile(head);
    await merge(runs, out, signal);
    await out.sync();
  } finally {
    await out.close();
    await Promise.all(runs.map((run) => rm(run, { force: true })));
  }
}

async function writeRuns(from: string, to: string, signal: AbortSignal): Promise<string[]> {
  const runs: string[] = [];
  const input = await open(from, 'r');
  const chunk = Buffer.alloc(AT_ONCE * RECORD);
  const sorted = Buffer.alloc(AT_ONCE * RECORD);
  try {
    for (;;) {
      signal.throwIfAborted();
      const bytes = await fill(input, chunk);
      if (bytes === 0) return runs;
      const count = Math.floor(bytes / RECORD);
      const order = Uint32Array.from({ length: count }, (_, n) => n).sort((a, b) =>
        chunk.compare(chunk, b * RECORD, b * RECORD + SORTED_BY, a * RECORD, a * RECORD + SORTED_BY),
      );
      order.forEach((source, place) =>
        chunk.copy(sorted, place * RECORD, source * RECORD, (source + 1) * RECORD),
      );
      const run = `${to}.run${runs.length}`;
      const out = await open(run, 'w', 0o600);
      try {
        await out.appendFile(sorted.subarray(0, count * RECORD));
      } finally {
        await out.close();
      }
      runs.push(run);
    }
  } finally {
    await input.close();
  }
}

async function fill(input: FileHandle, buffer: Buffer): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await input.read(buffer, filled, buffer.length - filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  if (filled % RECORD !== 0) throw new RangeError('a file of records is cut short');
  return filled;
}

class Run {
  readonly #input: FileHandle;
  readonly buffer = Buffer.alloc(WINDOW * RECORD);
  at = 0;
  #end = 0;

  constructor(input: FileHandle) {
    this.#input = input;
  }

  /** Moves to the next record. @returns false at the end. */
  async next(): Promise<boolean> {
    this.at += RECORD;
    if (this.at < this.#end) return true;
    this.at = 0;
    this.#end = await fill(this.#input, this.buffer);
    return this.#end > 0;
  }
}

async function merge(files: readonly string[], out: FileHandle, signal: AbortSignal): Promise<void> {
  const inputs = await Promise.all(files.map((file) => open(file, 'r')));
  try {
    const runs: Run[] = [];
    for (const input of inputs) {
      const run = new Run(input);
      if (await run.next()) runs.push(run);
    }
    const window = Buffer.alloc(WINDOW * RECORD);
    let filled = 0;
    while (runs.length > 0) {
      const least = runs.reduce((best, run) => (isBefore(run, best) ? run : best));
      least.buffer.copy(window, filled, least.at, least.at + RECORD);
      filled += RECORD;
      if (filled === window.length) {
        signal.throwIfAborted();
        await out.appendFile(window);
        filled = 0;
      }
      if (!(await least.next())) runs.splice(runs.indexOf(least), 1);
    }
    await out.appendFile(window.subarray(0, filled));
  } finally {
    await Promise.all(inputs.map((input) => input.close()));
  }
}

function isBefore(one: Run, other: Run): boolean {
  return one.buffer.compare(other.buffer, other.at, other.at + SORTED_BY, one.at, one.at + SORTED_BY) < 0;
}
