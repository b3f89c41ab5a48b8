import type { Journal, Table } from '../platform.ts';

/** A line of a table's journal: a value put, or a key removed. */
export type TableLine<V> =
  { readonly k: string; readonly v: V } | { readonly k: string; readonly gone: true };

const SLACK_LINES = 2_000;

/** A durable map over a journal; rewrites the journal when it holds much more than the living entries. */
export function openTable<V>(journal: Journal<TableLine<V>>): Table<V> {
  return new JournalledMap(journal);
}

class JournalledMap<V> implements Table<V> {
  private readonly live = new Map<string, V>();
  /** What is on disk of keys whose change is under way. */
  private readonly unsaved = new Map<string, { saved: V | undefined; changes: number }>();
  private readonly journal: Journal<TableLine<V>>;
  private pendingCompaction = false;

  constructor(journal: Journal<TableLine<V>>) {
    this.journal = journal;
    for (const line of journal.replay()) this.apply(line);
  }

  get size(): number {
    return this.live.size;
  }

  get(key: string): V | undefined {
    return this.live.get(key);
  }

  has(key: string): boolean {
    return this.live.has(key);
  }

  keys(): IterableIterator<string> {
    return this.live.keys();
  }

  values(): IterableIterator<V> {
    return this.live.values();
  }

  entries(): IterableIterator<[string, V]> {
    return this.live.entries();
  }

  put(key: string, value: V): Promise<void> {
    return this.commit({ k: key, v: value });
  }

  async remove(key: string): Promise<void> {
    if (!this.live.has(key)) return;
    await this.commit({ k: key, gone: true });
  }

  private apply(line: TableLine<V>): void {
    if ('gone' in line) this.live.delete(line.k);
    else this.live.set(line.k, line.v);
  }

  private async commit(line: TableLine<V>): Promise<void> {
    await this.save(line);
    if (!this.pendingCompaction && this.journal.lines > this.live.size * 2 + SLACK_LINES)
      await this.compact();
  }

  /** In memory at once; back to what the disk says when it cannot be written. */
  private async save(line: TableLine<V>): Promise<void> {
    const change = this.unsaved.get(line.k) ?? { saved: this.live.get(line.k), changes: 0 };
    change.changes += 1;
    this.unsaved.set(line.k, change);
    this.apply(line);
    try {
      await this.journal.append(line);
      change.saved = 'gone' in line ? undefined : line.v;
    } finally {
      change.changes -= 1;
      if (change.changes === 0) {
        this.unsaved.delete(line.k);
        if (change.saved === undefined) this.live.delete(line.k);
        else if (this.live.get(line.k) !== change.saved) this.live.set(line.k, change.saved);
      }
    }
  }

  private async compact(): Promise<void> {
    this.pendingCompaction = true;
    try {
      await this.journal.compact(() => [...this.live].map(([k, v]) => ({ k, v })));
    } finally {
      this.pendingCompaction = false;
    }
  }
}
