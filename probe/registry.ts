import type { DatabaseKind } from '../domain/policy/schema.ts';
import type { Engine } from './engine.ts';
import { postgresql } from './postgresql/engine.ts';
import { s3, type BucketEngine } from './s3/engine.ts';

const ENGINES: Record<DatabaseKind, Engine> = { 'rds-instance': postgresql };

/** The engine that reads databases of `kind`. Another engine is a folder beside `postgresql/` and a line above. */
export function engineFor(kind: DatabaseKind): Engine {
  return ENGINES[kind];
}

/** Buckets have no connection and no rows: they are read through an interface that whoever has a client gives. */
export const bucketEngine: BucketEngine = s3;
