import type { RecordDecision } from '../domain/decisions.ts';
import type { StatementRef } from '../domain/facts.ts';
import { evidence } from './activities.ts';

/** Puts a person's decision on record: a sign-off or a waiver. The control plane holds the key, and asks whether this person may. */
export async function recordDecision(request: RecordDecision): Promise<StatementRef> {
  return evidence.recordDecision(request);
}
