import type { ResourceKind } from '../domain/policy/schema.ts';
import type { Engine } from './engine.ts';
import { postgresql } from './postgresql/engine.ts';

const ENGINES: Record<ResourceKind, Engine> = { 'rds-instance': postgresql };

/** The engine that reads resources of `kind`. Another engine is a folder beside `postgresql/` and a line above. */
export function engineFor(kind: ResourceKind): Engine {
  return ENGINES[kind];
}
