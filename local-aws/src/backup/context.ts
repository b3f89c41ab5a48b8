import type { Platform } from '../platform.ts';
import type { RdsContext } from '../rds/context.ts';
import type { Behaviour } from './behaviour.ts';
import type { JobHook } from './job-points.ts';
import type { Kinds } from './kinds/kinds.ts';
import type { Notifier } from './notifications.ts';
import type { BackupStore } from './store.ts';

/** What handlers and jobs work with. */
export interface BackupContext {
  readonly platform: Platform;
  readonly store: BackupStore;
  /** The types of resources that can be backed up. */
  readonly kinds: Kinds;
  /** For damage at rest, which is made in PostgreSQL's files. */
  readonly rds: RdsContext;
  readonly behaviour: Behaviour;
  readonly notifier: Notifier;
  readonly hook: JobHook;
}
