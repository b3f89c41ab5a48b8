import type { Version } from './records.ts';
import { compareKeys, SortedKeys } from './sorted-keys.ts';

/** The versions of one bucket in memory: per key newest first, keys in order. */
export class VersionIndex {
  /** Keys in S3's order. */
  readonly sorted = new SortedKeys();
  private readonly byKey = new Map<string, Version[]>();

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
      this.sorted.add(version.key);
      return;
    }
    if ((known[0]?.order ?? 0) < version.order) {
      known.unshift(version);
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
    this.sorted.remove(version.key);
  }

  /** Keys with the prefix, in order, from `from` on. The index must not change meanwhile. */
  *keys(prefix: string, from: string): Generator<string> {
    for (const key of this.sorted.from(compareKeys(from, prefix) > 0 ? from : prefix)) {
      if (!key.startsWith(prefix)) return;
      yield key;
    }
  }
}
