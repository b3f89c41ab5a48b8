import type { CheckContext, ProbeHooks } from '../../engine.ts';
import { type CheckId, type CheckResult, couldNotRun } from '../../../domain/verdict.ts';
import { QueryRefused } from '../../errors.ts';
import { keepAlive } from '../../keep-alive.ts';
import { boot } from './boot.ts';
import { type Check, resultOf } from './check.ts';
import { content } from './content.ts';
import { freshness } from './freshness.ts';
import { pages } from './pages.ts';
import { semantics } from './semantics.ts';
import { anomaly } from './anomaly.ts';
import { schema } from './schema.ts';
import { structure } from './structure.ts';

export const CHECKS: Readonly<Record<CheckId, Check>> = {
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
export async function runCheck(id: CheckId, context: CheckContext, hooks: ProbeHooks): Promise<CheckResult> {
  const check = CHECKS[id];
  const startedAt = hooks.now();
  try {
    const outcome = await keepAlive(hooks, `${id}: starting`, (say) =>
      check.run(context, {
        heartbeat: (detail) => hooks.heartbeat(detail),
        now: () => hooks.now(),
        signal: hooks.signal,
        say: (detail) => say(`${id}: ${detail}`),
      }),
    );
    return resultOf(check, outcome, startedAt, hooks.now());
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    const tookMs = hooks.now().getTime() - startedAt.getTime();
    return couldNotRun(id, check.question, error.message, startedAt.toISOString(), tookMs);
  }
}
