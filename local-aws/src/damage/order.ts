import { SNAPSHOT_DAMAGES } from '../pg/damage.ts';
import { AdminRefusal } from '../platform.ts';

/** Of stored databases: snapshots, and recovery points that are made of them. */
export const DATABASE_DAMAGES = [...SNAPSHOT_DAMAGES, 'stale'] as const;
/** Of stored objects: those of buckets, and those in recovery points of buckets. */
export const BLOB_DAMAGES = ['rot-blob', 'lose-blob'] as const;
/** Of the WAL that is archived for restores in time. */
export const ARCHIVE_DAMAGE = 'archived-wal';
const DAMAGES = [...DATABASE_DAMAGES, ARCHIVE_DAMAGE, ...BLOB_DAMAGES] as const;

export type DatabaseDamage = (typeof DATABASE_DAMAGES)[number];
export type BlobDamage = (typeof BLOB_DAMAGES)[number];

/** What is to be damaged, and how. The same seed damages the same place of the same bytes. */
export interface DamageOrder {
  readonly kind: (typeof DAMAGES)[number];
  readonly seed: string | undefined;
  /** One recovery point… */
  readonly recoveryPointArn: string | undefined;
  /** …or the newest complete one of a vault, of `resourceArn` when that is given. */
  readonly vaultArn: string | undefined;
  /** For `archived-wal`: the instance. */
  readonly resourceArn: string | undefined;
  /** A snapshot of an instance or a cluster that need not belong to AWS Backup. */
  readonly snapshotArn: string | undefined;
  readonly bucket: string | undefined;
  /** Of an object; in a recovery point of a bucket one is drawn by lot when it is not given. */
  readonly key: string | undefined;
  /** Default: the current version. */
  readonly versionId: string | undefined;
  /** For `rows`: how many. */
  readonly count: number | undefined;
}

const TEXTS = ['recoveryPointArn', 'vaultArn', 'resourceArn', 'snapshotArn', 'bucket', 'key', 'versionId'];
const MEMBERS = ['kind', 'seed', 'count', ...TEXTS];

/** @throws AdminRefusal naming what is allowed. */
export function readDamageOrder(input: Readonly<Record<string, unknown>>): DamageOrder {
  const kind = DAMAGES.find((known) => known === input['kind']);
  if (!kind) throw new AdminRefusal(`kind must be one of ${DAMAGES.join(', ')}.`);
  const unknown = Object.keys(input).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined)
    throw new AdminRefusal(`Damage has no member '${unknown}'. It may have: ${MEMBERS.join(', ')}.`);
  const text = (name: string): string | undefined => {
    const value = input[name];
    if (value === undefined || (typeof value === 'string' && value !== '')) return value;
    if (typeof value === 'number') return String(value);
    throw new AdminRefusal(`${name} must be text.`);
  };
  const count = input['count'] === undefined ? undefined : Number(text('count'));
  if (count !== undefined && !(Number.isInteger(count) && count > 0))
    throw new AdminRefusal('count must be a whole number above 0.');
  return {
    ...{ kind, count, seed: text('seed'), snapshotArn: text('snapshotArn') },
    ...{ recoveryPointArn: text('recoveryPointArn'), vaultArn: text('vaultArn') },
    ...{ resourceArn: text('resourceArn'), bucket: text('bucket'), key: text('key') },
    versionId: text('versionId'),
  };
}
