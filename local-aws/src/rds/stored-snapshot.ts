import { randomUUID } from 'node:crypto';
import type { JOBS } from '../faults/points.ts';
import type { PostgresHost, PostgresServer } from '../pg/index.ts';
import type { Place, Table } from '../platform.ts';
import type { Tag } from './records.ts';

export type Job = (typeof JOBS.rds)[number];

/** What snapshots of instances and of clusters have in common. */
export interface StoredSnapshot extends Place {
  readonly id: string;
  readonly type: 'manual' | 'automated' | 'awsbackup';
  readonly status: 'creating' | 'copying' | 'available' | 'upgrading' | 'failed' | 'deleting';
  readonly percent: number;
  readonly failure?: string | undefined;
  readonly folder: string;
  readonly bytes: number;
  readonly createdAt?: string | undefined;
  readonly databaseTime?: string | undefined;
  readonly sourceArn?: string | undefined;
  readonly sharedWith: readonly string[];
  readonly tags: readonly Tag[];
}

/** Where the two differ. */
export interface SnapshotKind<R> {
  readonly table: Table<R>;
  readonly folder: 'snapshots' | 'cluster-snapshots';
  readonly dirOf: (record: R) => string;
  readonly arnOf: (record: R) => string;
  readonly host: PostgresHost;
  readonly sourceType: 'db-snapshot' | 'db-cluster-snapshot';
  readonly jobs: { readonly take: Job; readonly copy: Job; readonly remove: Job };
  /** As events call one. */
  readonly noun: 'snapshot' | 'cluster snapshot';
}

export interface NewSnapshot {
  readonly id: string;
  readonly type: StoredSnapshot['type'];
  readonly tags: readonly Tag[];
}

/** What a snapshot is taken of, as far as its status tells of it. */
export interface Subject {
  /** Writes `backing-up` down. */
  readonly show: () => Promise<unknown>;
  readonly release: () => Promise<unknown>;
}

export type WithServer = <T>(use: (server: PostgresServer) => Promise<T>) => Promise<T>;

/** What a snapshot that is only announced has, whatever it is of. */
export function announced(place: Place, { id, type, tags }: NewSnapshot): StoredSnapshot {
  return {
    ...{ accountId: place.accountId, region: place.region, id, type, tags, sharedWith: [] },
    ...{ status: 'creating', percent: 0, bytes: 0, folder: randomUUID() },
  };
}

/** As events call it. */
export function kindOf({ type }: StoredSnapshot): 'automated' | 'manual' {
  return type === 'automated' ? 'automated' : 'manual';
}
