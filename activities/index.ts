import type { AwsClients } from './aws/clients.ts';
import type { Polling } from './aws/poll.ts';
import { createBackupJobActivities } from './backup-jobs.ts';
import { createHoldActivities } from './holds.ts';
import { createInventoryActivities } from './inventory.ts';
import { createDrivers } from './kinds/index.ts';
import { createLastVerifiedActivities } from './last-verified.ts';
import { createLedgerActivities } from './ledger/index.ts';
import { createInventoriesOfDrills } from './drill-inventory.ts';
import { createNetworkActivities } from './network-isolation.ts';
import { createProtectionActivities } from './protections.ts';
import type { createProberActivities } from './prober.ts';
import { createRecoveryPointActivities } from './recovery-points.ts';
import { createRestoreActivities } from './restores.ts';
import { createRetryActivities, type ReadHistory } from './retries.ts';
import { createRetentionActivities } from './retention.ts';
import { createSweepActivities } from './sweep.ts';
import { createTeardownActivities } from './teardown.ts';
import type { RecordedBy } from '../domain/facts.ts';

/** Everything that the control plane's worker serves. */
export function createControlActivities({
  clients,
  polling,
  recordedBy,
  history,
}: {
  clients: AwsClients;
  polling: Polling;
  /** What every statement says about the program that wrote it. */
  recordedBy?: RecordedBy;
  /** Reads what Temporal keeps of a run. */
  history: ReadHistory;
}) {
  const drivers = createDrivers(clients);
  return {
    ...createInventoryActivities({ clients, drivers }),
    ...createBackupJobActivities({ clients, polling }),
    ...createRecoveryPointActivities({ clients }),
    ...createRestoreActivities({ clients, drivers, polling }),
    ...createTeardownActivities({ clients, drivers, polling }),
    ...createNetworkActivities({ clients }),
    ...createInventoriesOfDrills({ clients, polling }),
    ...createRetentionActivities({ clients }),
    ...createRetryActivities({ history }),
    ...createHoldActivities({ clients, polling }),
    ...createSweepActivities({ clients, drivers }),
    ...createLedgerActivities({ clients, recordedBy }),
    ...createProtectionActivities({ clients }),
    ...createLastVerifiedActivities({ clients }),
  };
}

export type ControlActivities = ReturnType<typeof createControlActivities>;
/** Everything that a prober serves. */
export type InsideNetwork = ReturnType<typeof createProberActivities>;
