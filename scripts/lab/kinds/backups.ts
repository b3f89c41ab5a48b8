import type { Base } from '../base.ts';
import type { DamageKind } from './kind.ts';

/** Whole backups that are not the one asked for. */
const instead = (name: string, snapshot: keyof Base['snapshots']): DamageKind => ({
  name,
  make: async ({ lab, snapshots }) => ({ server: await lab.restore(snapshots[snapshot]), what: snapshot }),
});

export const BACKUP_KINDS: readonly DamageKind[] = [
  instead('older backup in its place', 'older'),
  instead('backup of an earlier timeline', 'earlierTimeline'),
  instead('backup of another history of the same system', 'diverged'),
  instead("another resource's backup", 'another'),
  instead('empty database of the same system', 'emptied'),
  instead("another resource's empty database", 'anotherEmpty'),
];
