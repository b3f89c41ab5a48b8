import type { CheckContext, ProbeHooks } from '../../engine.ts';
import type { CheckResult, DatabaseCheckId } from '../../../domain/verdict.ts';
import { askCheck } from '../../check.ts';
import { QueryRefused } from '../../errors.ts';
import { boot } from './boot.ts';
import type { Check } from './check.ts';
import { content } from './content.ts';
import { freshness } from './freshness.ts';
import { pages } from './pages.ts';
import { semantics } from './semantics.ts';
import { anomaly } from './anomaly.ts';
import { schema } from './schema.ts';
import { structure } from './structure.ts';

export const CHECKS: Readonly<Record<DatabaseCheckId, Check>> = {
  boot,
  pages,
  structure,
  schema,
  content,
  freshness,
  semantics,
  anomaly,
};

/**
 * Runs one check. A question that the database refuses as a whole makes the check inconclusive, in words; a lost connection and a
 * cancellation are thrown, since asking again may help.
 */
export async function runCheck(
  id: DatabaseCheckId,
  context: CheckContext,
  hooks: ProbeHooks,
): Promise<CheckResult> {
  return askCheck(CHECKS[id], context, hooks, (error) => error instanceof QueryRefused);
}
