import type { RecoveryPointFacts } from './facts.ts';
import type { Vault } from './route.ts';

const DAY_MS = 86_400_000;

/**
 * What is wrong with a point as AWS shows it, compared with what the policy wants; empty when it is as it should be.
 * A lock that is still cooling off is not a problem of the point: the evidence calls it pending, and never immutable.
 */
export function readBackProblems(point: RecoveryPointFacts, vault: Vault): string[] {
  const problems: string[] = [];
  const where = `${point.arn} in vault ${vault.name}`;
  if (point.status !== 'COMPLETED' && point.status !== 'AVAILABLE')
    problems.push(`${where} is ${point.status}`);
  if (point.encryptionKeyArn === null) problems.push(`${where} is not encrypted with a KMS key`);
  if (vault.lock === 'compliance' && point.lock.state !== 'immutable' && point.lock.state !== 'pending')
    problems.push(`${where} is not under a compliance lock (${point.lock.state})`);
  if (point.deleteAt === null) problems.push(`${where} never expires`);
  else {
    const days = (Date.parse(point.deleteAt) - Date.parse(point.createdAt)) / DAY_MS;
    if (Math.abs(days - vault.keepDays) > 1)
      problems.push(`${where} expires after ${days.toFixed(1)} days, not ${vault.keepDays}`);
  }
  return problems;
}
