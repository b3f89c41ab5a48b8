import type { RestoreDecision } from './requests.ts';
import type { Policy } from './policy/schema.ts';
import { duration } from './units.ts';

export interface ApprovalRules {
  readonly needed: number;
  readonly approvers: readonly string[];
  readonly decideWithinSeconds: number;
}

/** How many people must agree to a restore, who they may be, and until when. Policies older than the key need nobody. */
export function approvalRules(policy: Policy): ApprovalRules {
  const restore = policy.restore as Policy['restore'] | undefined;
  return {
    needed: restore?.approvals ?? 0,
    approvers: restore?.approvers ?? [],
    decideWithinSeconds: duration(restore?.decideWithin ?? '4h'),
  };
}

/** Why this decision does not count, in words; null when it does. */
export function whyNotDecided(
  { by, decision, reason }: RestoreDecision,
  { approvers }: ApprovalRules,
  { requestedBy, decided }: { readonly requestedBy: string; readonly decided: readonly RestoreDecision[] },
): string | null {
  if (by.trim() === '') return 'Say who decides (--as NAME).';
  if (by === requestedBy) return `${by} asked for this restore; somebody else must decide about it.`;
  if (!approvers.includes(by))
    return `${by} is not one of the policy's approvers (restore.approvers names ${approvers.join(', ') || 'nobody'}).`;
  const before = decided.find((one) => one.by === by);
  if (before !== undefined) return `${by} has ${before.decision} it already.`;
  return decision === 'denied' && reason.trim() === '' ? 'Say why it is denied (--reason TEXT).' : null;
}
