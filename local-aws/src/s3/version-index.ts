import type { Version } from './records.ts';

/** The versions of one bucket in memory: per key newest first, keys in order. */
export class VersionIndex {
  private readonly byKey = new Map<string, Version[]>();
  private readonly sortedKeys: string[] = [];

  get isEmpty(): boolean {
    return this.byKey.size === 0;
  }

  versionsOf(key: string): readonly Version[] {
    return this.byKey.get(key) ?? [];
  }

  current(key: string): Version | undefined {
    return this.byKey.get(key)?.[0];
  }

  add(version: Version): void {
    const known = this.byKey.get(version.key);
    if (!known) {
      this.byKey.set(version.key, [version]);
      this.sortedKeys.splice(this.firstAtOrAfter(version.key), 0, version.key);
      return;
    }
    const same = known.findIndex(({ order }) => order === version.order);
    if (same !== -1) known[same] = version;
    else {
      const older = known.findIndex(({ order }) => order < version.order);
      known.splice(older === -1 ? known.length : older, 0, version);
    }
  }

  remove(version: Version): void {
    const rest = (this.byKey.get(version.key) ?? []).filter(({ order }) => order !== version.order);
    if (rest.length > 0) {
      this.byKey.set(version.key, rest);
      return;
    }
    this.byKey.delete(version.key);
    const at = this.firstAtOrAfter(version.key);
    if (this.sortedKeys[at] === version.key) this.sortedKeys.splice(at, 1);
  }

  *all(): Generator<Version> {
    for (const versions of this.byKey.values()) yield* versions;
  }

  /** Keys with the prefix, in order, from `from` on. */
  *keys(prefix: string, from: string): Generator<string> {
    const start = from > prefix ? from : prefix;
    for (let at = this.firstAtOrAfter(start); at < this.sortedKeys.length; at += 1) {
      const key = this.sortedKeys[at] ?? '';
      if (!key.startsWith(prefix)) {
        if (key > prefix) return;
        continue;
      }
      yield key;
    }
  }

  private firstAtOrAfter(key: string): number {
    let low = 0;
    let high = this.sortedKeys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.sortedKeys[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
