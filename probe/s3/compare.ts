import { keyGroups, type KeyGroup } from './manifest.ts';
import type { VersionRecord } from './records.ts';

/** A version that may be on the copy, as each pass that described it saw it: tags and locks can change without a new version. */
export interface Candidate {
  readonly size: number;
  readonly reference: VersionRecord['reference'];
  /** Empty where nobody described it. */
  readonly states: readonly VersionRecord[];
}

/** One key: what may be on the copy, and what is. */
export interface ObjectComparison {
  /** Digest of the key: what reports call the object. */
  readonly key: string;
  /** Whether anything happened to the key between the passes. Then each state that it had may be on the copy. */
  readonly moved: boolean;
  /** Whether it had its turn this night. */
  readonly due: boolean;
  readonly mayBe: readonly Candidate[];
  readonly mayBeAbsent: boolean;
  /** Versions that were past before the first pass began. */
  readonly older: readonly Candidate[];
  /** The current object of the copy. */
  readonly found: VersionRecord | null;
}

/**
 * Compares the keys of both passes and of the copy, in the order of their digests and in bounded memory: three sorted files are read side
 * by side. A restore brings back the current version of each key, and no markers.
 * @param copyPath sorted records of the copy, without a head.
 */
export async function* compareObjects(
  beforePath: string,
  afterPath: string,
  copyPath: string,
): AsyncGenerator<ObjectComparison> {
  const sides = [
    new Side(keyGroups(beforePath, { withHead: true })),
    new Side(keyGroups(afterPath, { withHead: true })),
    new Side(keyGroups(copyPath, { withHead: false })),
  ] as const;
  try {
    await Promise.all(sides.map((side) => side.next()));
    for (;;) {
      const keys = sides.flatMap(({ group }) => (group === null ? [] : [group.key]));
      const [first, ...others] = keys;
      if (first === undefined) return;
      const key = others.reduce((least, other) => (other < least ? other : least), first);
      const [before, after, copy] = sides.map(({ group }) => (group?.key === key ? group.versions : []));
      yield compareKey(key, before ?? [], after ?? [], copy ?? []);
      for (const side of sides) if (side.group?.key === key) await side.next();
    }
  } finally {
    await Promise.all(sides.map((side) => side.end()));
  }
}

class Side {
  readonly #groups: AsyncGenerator<KeyGroup, void>;
  group: KeyGroup | null = null;

  constructor(groups: AsyncGenerator<KeyGroup, void>) {
    this.#groups = groups;
  }

  async next(): Promise<void> {
    const step = await this.#groups.next();
    this.group = step.done === true ? null : step.value;
  }

  async end(): Promise<void> {
    await this.#groups.return();
  }
}

/** One key by itself: pure. */
export function compareKey(
  key: string,
  before: readonly VersionRecord[],
  after: readonly VersionRecord[],
  copy: readonly VersionRecord[],
): ObjectComparison {
  const first = currentOf(before);
  const last = currentOf(after);
  const known = new Set(before.map(({ versionId }) => versionId));
  const young = after.filter(({ versionId }) => !known.has(versionId));
  const moved = first?.versionId !== last?.versionId || young.length > 0;
  const allowed = new Set(
    [first, last, ...young].flatMap((one) => (one === null || one.marker ? [] : [one.versionId])),
  );
  const states = new Map<string, VersionRecord[]>();
  for (const version of [...before, ...after])
    if (!version.marker) states.set(version.versionId, [...(states.get(version.versionId) ?? []), version]);
  const candidates = (which: (versionId: string) => boolean): Candidate[] =>
    [...states].filter(([versionId]) => which(versionId)).map(([, seen]) => candidateOf(seen));
  return {
    key,
    moved,
    due: [...before, ...after, ...copy].some(({ due }) => due),
    mayBe: candidates((versionId) => allowed.has(versionId)),
    mayBeAbsent: first === null || last === null || young.some(({ marker }) => marker),
    older: candidates((versionId) => !allowed.has(versionId)),
    found: currentOf(copy),
  };
}

function currentOf(versions: readonly VersionRecord[]): VersionRecord | null {
  const latest = versions.find((version) => version.latest);
  return latest === undefined || latest.marker ? null : latest;
}

function candidateOf(seen: readonly VersionRecord[]): Candidate {
  const described = seen.filter(({ detailed }) => detailed);
  const reference = described.find(({ reference: { kind } }) => kind !== 'none')?.reference;
  return {
    size: seen[0]?.size ?? 0,
    reference: reference ?? { kind: 'none', digest: '' },
    states: described,
  };
}

/** `unknown`: sizes agree, and nothing that both sides keep can be compared. */
export type Likeness = 'same' | 'different' | 'unknown';

/** Whether a body on the copy is that of a version of the source, by what is stored beside both. */
export function likeness({ size, reference }: Candidate, found: VersionRecord): Likeness {
  if (size !== found.size) return 'different';
  if (size === 0) return 'same';
  if (reference.kind === 'none' || reference.kind !== found.reference.kind) return 'unknown';
  return reference.digest === found.reference.digest ? 'same' : 'different';
}
