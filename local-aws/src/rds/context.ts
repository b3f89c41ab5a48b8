import type { Platform } from '../platform.ts';
import type { AutomatedBackups } from './automated-backups.ts';
import type { EngineVersions } from './engine-versions.ts';
import type { Fleet } from './fleet.ts';
import type { Snapshots } from './snapshots.ts';
import type { RdsStore } from './store.ts';

/** What the handlers work with. */
export interface RdsContext {
  readonly platform: Platform;
  readonly store: RdsStore;
  readonly versions: EngineVersions;
  readonly fleet: Fleet;
  readonly snapshots: Snapshots;
  readonly backups: AutomatedBackups;
}
