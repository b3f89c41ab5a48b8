import { isCancellation, patched } from '@temporalio/workflow';
import type { BootFacts } from '../activities/kinds/driver.ts';
import type { ProbedDatabase } from '../activities/prober.ts';
import type { Copy } from '../activities/restores.ts';
import { checksOf } from '../domain/policy/checks.ts';
import type { ProtectedResource } from '../domain/policy/schema.ts';
import { duration } from '../domain/units.ts';
import { couldNotRun } from '../domain/verdict.ts';
import { proberIn, quick } from './activities.ts';
import { isStepFailure, reasonOf } from './reasons.ts';
import type { Seen, VerifyRequest } from './verify-copy.ts';

/** Asks every check of the policy's resource, one after the other. One that could not run is a result, too. */
export async function runChecks(
  request: VerifyRequest,
  copy: Copy,
  database: ProbedDatabase,
  seen: Seen,
): Promise<void> {
  const { policy, entry } = request;
  const boot = await bootFacts(copy);
  seen.engineVersion = boot?.engineVersion ?? null;
  for (const check of checksOf(entry)) {
    const startedAt = new Date().toISOString();
    const fingerprints = seen.protection?.fingerprints ?? null;
    if (fingerprints === null || seen.point === null) {
      const reason = 'no fingerprint of the source belongs to this recovery point';
      seen.checks.push(couldNotRun(check, `the ${check} check`, reason, startedAt));
      continue;
    }
    try {
      const result = await proberIn(policy, 'drill').runCheck({
        policy,
        check,
        database,
        ...fingerprints,
        boot,
        freshness: entry.freshness,
        ...(check === 'semantics' ? ownQuestions(entry) : {}),
        ...(check === 'anomaly' && patched('last-verified') ? await lastVerified(request, seen) : {}),
        backupAt: seen.point.createdAt,
        rpoSeconds: duration(policy.objectives.rpo),
      });
      seen.checks.push(result);
    } catch (error) {
      if (isCancellation(error) || !isStepFailure(error)) throw error;
      seen.checks.push(couldNotRun(check, `the ${check} check`, reasonOf(error), startedAt));
    }
  }
}

/** The second fingerprint of the last point that was verified before this one was made; null when there is none. */
async function lastVerified({ policy, entry }: VerifyRequest, { point, protection }: Seen) {
  if (point === null || protection === null) return {};
  const { immutableId } = protection.identity;
  const found = await quick.findLastVerified({
    policy,
    resource: entry.name,
    immutableId,
    before: point.createdAt,
  });
  return { lastVerified: found?.fingerprints.after ?? null };
}

/** What the policy itself wants to know. */
function ownQuestions({ assertions, applicationChecks }: ProtectedResource) {
  return {
    ...(assertions === undefined ? {} : { assertions }),
    ...(applicationChecks === undefined ? {} : { applicationChecks }),
  };
}

/** The log is one source of the boot check among others: when it cannot be read, the check says so itself. */
async function bootFacts(copy: Copy): Promise<BootFacts | null> {
  try {
    return await quick.readBootFacts(copy);
  } catch (error) {
    if (isCancellation(error) || !isStepFailure(error)) throw error;
    return null;
  }
}
