import type { Change, Journal, Table, Tables } from '../platform.ts';

/** A line of a table's journal: a value put, or a key removed. `t` names the table where several share the journal. */
export type TableLine<V> = { readonly t?: string } & (
  { readonly k: string; readonly v: V } | { readonly k: string; readonly gone: true }
);

/** A line of a group's journal: one change, several that are one, or the names of tables whose own journals were taken over. */
export type GroupLine =
  | TableLine<unknown>
  | { readonly all: readonly TableLine<unknown>[] }
  | { readonly adopted: readonly string[] };

/** Told when a journal could not be rewritten: nothing is lost, it stays longer than it need be. */
export type OnTrouble = (cause: unknown) => void;

const SLACK_LINES = 2_000;

/** A durable map over a journal of its own; rewrites the journal when it holds much more than the living entries. */
export function openTable<V>(journal: Journal<TableLine<V>>, onTrouble?: OnTrouble): Table<V> {
  return new TableGroup(journal, [undefined], onTrouble).table<V>(undefined);
}

/** Durable maps that share a journal, so that `together` can change several of them as one. */
export function openTables<N extends string>(
  journal: Journal<GroupLine>,
  names: readonly N[],
  onTrouble?: OnTrouble,
): Tables<N> {
  const group = new TableGroup(journal, names, onTrouble);
  return { table: <V>(name: N) => group.table<V>(name) };
}

/**
 * Makes all the changes, or, if the process is killed or the disk is full, none of them. In memory they are made at once.
 * @throws when the tables do not share a journal
 */
export async function together(...changes: readonly Change[]): Promise<void> {
  const own = changes.map((change) => {
    if (change instanceof TableChange) return change;
    throw new Error('This is no change of a table.');
  });
  const group = own[0]?.table.group;
  if (own.some(({ table }) => table.group !== group))
    throw new Error('Tables that do not share a journal cannot be changed together.');
  await group?.commit(own);
}

class TableGroup {
  private readonly tables = new Map<string | undefined, JournalledMap<unknown>>();
  private readonly journal: Journal<GroupLine>;
  private readonly onTrouble: OnTrouble;
  private adopted: readonly string[] = [];
  private compacting = false;
  /** After a rewrite that failed, the next one waits for some more lines. */
  private patience = 0;

  constructor(
    journal: Journal<GroupLine>,
    names: readonly (string | undefined)[],
    onTrouble: OnTrouble = () => undefined,
  ) {
    this.journal = journal;
    this.onTrouble = onTrouble;
    for (const name of names) this.tables.set(name, new JournalledMap(name, this));
    for (const line of journal.replay()) {
      if ('adopted' in line) this.adopted = line.adopted;
      else for (const one of 'all' in line ? line.all : [line]) this.map(one.t).apply(one);
    }
  }

  table<V>(name: string | undefined): Table<V> {
    return this.map(name) as Table<V>;
  }

  async commit(changes: readonly TableChange[]): Promise<void> {
    const real = changes.filter(({ table, line }) => 'v' in line || table.has(line.k));
    const [first] = real;
    if (!first) return;
    const lines = real.map(({ line }) => line);
    await this.save(real, lines.length === 1 ? first.line : { all: lines });
    await this.compactIfLong();
  }

  private map(name: string | undefined): JournalledMap<unknown> {
    const found = this.tables.get(name);
    if (found) return found;
    throw new Error(`State file ${this.journal.path} has entries of an unknown table '${name ?? ''}'.`);
  }

  /** In memory at once; back to what the disk says when it cannot be written. */
  private async save(changes: readonly TableChange[], line: GroupLine): Promise<void> {
    for (const { table, line: own } of changes) table.begin(own);
    let written = false;
    try {
      await this.journal.append(line);
      written = true;
    } finally {
      for (const { table, line: own } of changes) table.end(own, written);
    }
  }

  /** What was saved stays saved when this fails. */
  private async compactIfLong(): Promise<void> {
    const living = [...this.tables.values()].reduce((sum, { size }) => sum + size, 0);
    if (this.compacting || this.journal.lines <= living * 2 + SLACK_LINES + this.patience) return;
    this.compacting = true;
    try {
      await this.journal.compact(() => this.lines());
      this.patience = 0;
    } catch (cause) {
      this.patience += SLACK_LINES;
      this.onTrouble(cause);
    } finally {
      this.compacting = false;
    }
  }

  private lines(): GroupLine[] {
    const adopted = this.adopted.length === 0 ? [] : [{ adopted: this.adopted }];
    return [...adopted, ...[...this.tables.values()].flatMap((table) => [...table.lines()])];
  }
}

class TableChange implements Change {
  readonly table: JournalledMap<unknown>;
  readonly line: TableLine<unknown>;

  constructor(table: JournalledMap<unknown>, line: TableLine<unknown>) {
    this.table = table;
    this.line = line;
  }
}

class JournalledMap<V> implements Table<V> {
  readonly group: TableGroup;
  private readonly live = new Map<string, V>();
  /** What is on disk of keys whose change is under way. */
  private readonly unsaved = new Map<string, { saved: V | undefined; changes: number }>();
  private readonly tag: { readonly t?: string };

  constructor(name: string | undefined, group: TableGroup) {
    this.tag = name === undefined ? {} : { t: name };
    this.group = group;
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
    return together(this.putting(key, value));
  }

  remove(key: string): Promise<void> {
    return together(this.removing(key));
  }

  putting(key: string, value: V): Change {
    return this.change({ ...this.tag, k: key, v: value });
  }

  removing(key: string): Change {
    return this.change({ ...this.tag, k: key, gone: true });
  }

  apply(line: TableLine<V>): void {
    if ('gone' in line) this.live.delete(line.k);
    else this.live.set(line.k, line.v);
  }

  begin(line: TableLine<V>): void {
    const change = this.unsaved.get(line.k) ?? { saved: this.live.get(line.k), changes: 0 };
    change.changes += 1;
    this.unsaved.set(line.k, change);
    this.apply(line);
  }

  end(line: TableLine<V>, written: boolean): void {
    const change = this.unsaved.get(line.k);
    if (!change) return;
    if (written) change.saved = 'gone' in line ? undefined : line.v;
    change.changes -= 1;
    if (change.changes > 0) return;
    this.unsaved.delete(line.k);
    if (change.saved === undefined) this.live.delete(line.k);
    else if (this.live.get(line.k) !== change.saved) this.live.set(line.k, change.saved);
  }

  *lines(): Generator<TableLine<V>> {
    for (const [k, v] of this.live) yield { ...this.tag, k, v };
  }

  private change(line: TableLine<V>): Change {
    return new TableChange(this, line);
  }
}
