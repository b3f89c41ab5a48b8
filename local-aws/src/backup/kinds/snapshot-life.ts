import type { Outcome, ResourceKind } from './kind.ts';

interface Snapshot {
  readonly type: string;
  readonly status: string;
  readonly percent: number;
  readonly bytes: number;
  readonly failure?: string | undefined;
}

/** What RDS offers for its two kinds of snapshots alike. */
interface Snapshots<S extends Snapshot> {
  settled(key: string, signal: AbortSignal): Promise<S | undefined>;
  remove(key: string): void;
  removeNow(key: string): Promise<void>;
}

/** The bytes of points that are snapshots of RDS: waiting for them, asking after them, removing them. */
export function snapshotLife<S extends Snapshot>(
  snapshots: Snapshots<S>,
  table: { get(key: string): S | undefined; entries(): Iterable<[string, S]> },
): Pick<ResourceKind, 'settled' | 'percent' | 'holds' | 'kept' | 'discard'> {
  return {
    async settled({ snapshotKey }, signal): Promise<Outcome> {
      const snapshot = await snapshots.settled(snapshotKey, signal);
      if (snapshot?.status === 'available') return { ok: true, bytes: snapshot.bytes };
      const failure = snapshot?.failure ?? 'The snapshot was interrupted by an internal failure.';
      return { ok: false, failure };
    },
    percent: ({ snapshotKey }) => table.get(snapshotKey)?.percent,
    holds: ({ snapshotKey }) => table.get(snapshotKey)?.status === 'available',
    kept: async () => [...table.entries()].flatMap(([key, { type }]) => (type === 'awsbackup' ? [key] : [])),
    async discard({ snapshotKey }) {
      const underWay = ['creating', 'copying'].includes(table.get(snapshotKey)?.status ?? '');
      if (underWay) snapshots.remove(snapshotKey);
      else await snapshots.removeNow(snapshotKey);
    },
  };
}
