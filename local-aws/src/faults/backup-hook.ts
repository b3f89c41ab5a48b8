import type { JobHook } from '../backup/job-points.ts';
import type { FaultPoints } from './points.ts';

/** Brings fault rules to the named points of AWS Backup's jobs. `outcome=PARTIAL` makes a job partial instead of failed. */
export function backupHook(faults: FaultPoints): JobHook {
  return async (job, { accountId, region, id, resource, vault }, signal) => {
    const step = { service: 'backup', job, accountId, region, names: [resource, id, vault] } as const;
    const fault = await faults.at(step, signal);
    return fault && { kind: fault.outcome === 'PARTIAL' ? 'partial' : 'fail', message: fault.message };
  };
}
