import { condition } from '@temporalio/workflow';
import { whyNotDecided, type ApprovalRules } from '../domain/approvals.ts';
import type { RestoreFact } from '../domain/facts.ts';
import type { RestoreDecision, RestorePhase, RestoreRequest, RestoreState } from '../domain/requests.ts';
import { wholeLength } from '../domain/words.ts';
import { evidence, quick } from './activities.ts';
import { refusal } from './reasons.ts';

/**
 * The people who must agree to a restore before it begins. Who may not decide is refused to their face; every decision is a statement.
 * @param withdrawn the request was finished before anybody had decided.
 */
export function awaitApproval(
  { policy, policySha256, request, requestedBy }: RestoreRequest,
  rules: ApprovalRules,
  phase: () => RestorePhase,
  withdrawn: () => boolean,
) {
  const decisions: RestoreDecision[] = [];
  const given: NonNullable<RestoreFact['approvals']>[number][] = [];
  const until = Date.now() + rules.decideWithinSeconds * 1000;
  let refused: string | null = null;

  const approved = (): number => given.filter(({ decision }) => decision === 'approved').length;

  return {
    validate: (decision: RestoreDecision): void => {
      if (phase() !== 'awaiting-approval')
        throw refusal('RequestRefused', `The restore waits for nobody's approval; it is ${phase()}.`);
      const why = whyNotDecided(decision, rules, { requestedBy, decided: decisions });
      if (why !== null) throw refusal('RequestRefused', why);
    },
    decide: (decision: RestoreDecision): void => void decisions.push(decision),
    /** Decisions that are on record, in their order. */
    given: () => [...given],
    /** Why the restore may not begin; null while nothing speaks against it. */
    refused: () => refused,
    state: (): RestoreState['approval'] =>
      rules.needed === 0
        ? null
        : {
            needed: rules.needed,
            approvers: rules.approvers,
            decisions,
            until: new Date(until).toISOString(),
          },
    /** Ends when enough people agreed, one denied, the time is over, or the request was withdrawn. */
    wait: async (): Promise<void> => {
      while (refused === null && approved() < rules.needed) {
        const left = Math.max(0, until - Date.now());
        const inTime = await condition(() => decisions.length > given.length || withdrawn(), left);
        const decision = decisions[given.length];
        if (decision !== undefined) await record(decision);
        else if (withdrawn()) return;
        else if (!inTime)
          refused = `it was not agreed to within ${wholeLength(rules.decideWithinSeconds)}: ${approved()} of ${rules.needed} approvals`;
      }
    },
  };

  async function record({ by, decision, reason }: RestoreDecision): Promise<void> {
    const at = await quick.awsNow({ policy });
    await evidence.recordStatement({
      policy,
      scope: `restore-${request}`,
      name: `approval-${given.length + 1}`,
      subjects: [],
      fact: { type: 'approval', policy: policy.name, policySha256, request, by, decision, at, reason },
    });
    given.push({ by, decision, at });
    if (decision === 'denied') refused = `denied by ${by}: ${reason}`;
  }
}
