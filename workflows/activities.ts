import { proxyActivities } from '@temporalio/workflow';
import type { ControlActivities, InsideNetwork } from '../activities/index.ts';
import type { Policy } from '../domain/policy/schema.ts';
import {
  EVIDENCE,
  PROBE,
  QUICK_CALL,
  UNTIL_KNOWN,
  WAIT_FOR_ACCESS,
  WAIT_FOR_BACKUP,
  WAIT_FOR_COPY,
  WAIT_FOR_DELETION,
  WAIT_FOR_RESTORE,
} from './activity-options.ts';

/** Every activity with its time-outs, in one place: what may wait how long is a decision, not a detail of each workflow. */
export const quick = proxyActivities<ControlActivities>(QUICK_CALL);
export const untilKnown = proxyActivities<ControlActivities>(UNTIL_KNOWN);
export const evidence = proxyActivities<ControlActivities>(EVIDENCE);
export const { waitForBackup } = proxyActivities<ControlActivities>(WAIT_FOR_BACKUP);
export const { waitForCopy, settleTransitCopy } = proxyActivities<ControlActivities>(WAIT_FOR_COPY);
export const { waitForRestore, waitUntilAvailable, settleRestore } =
  proxyActivities<ControlActivities>(WAIT_FOR_RESTORE);
export const { waitForAccess } = proxyActivities<ControlActivities>(WAIT_FOR_ACCESS);
export const { waitUntilCopyGone, waitUntilTransitPointGone, compareInventories } =
  proxyActivities<ControlActivities>(WAIT_FOR_DELETION);

/** The prober inside one of the policy's networks. */
export function proberIn(policy: Policy, network: keyof Policy['probers']) {
  return proxyActivities<InsideNetwork>({ ...PROBE, taskQueue: policy.probers[network] });
}
