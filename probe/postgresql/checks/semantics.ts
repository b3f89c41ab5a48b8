import type { Assertion } from '../../../domain/policy/verification-schema.ts';
import { duration } from '../../../domain/units.ts';
import type { Finding } from '../../../domain/verdict.ts';
import type { CheckContext } from '../../engine.ts';
import { QueryRefused } from '../../errors.ts';
import { withCopySession } from '../session.ts';
import { askApplication } from './application.ts';
import { type Check, type CheckHooks, doubt, failure, note } from './check.ts';
import { type Answer, agrees } from './semantics-compare.ts';

/** Does the business agree? */
export const semantics: Check = {
  id: 'semantics',
  question: "Are the policy's own questions answered as they must be?",

  async run(context, hooks) {
    const { assertions = [], applicationChecks = [] } = context;
    const findings: Finding[] = [];
    let answered = 0;
    for (const assertion of assertions) {
      hooks.say(assertion.name);
      const found = await ask(assertion, context, hooks);
      if (found?.severity !== 'doubt') answered += 1;
      if (found !== null) findings.push(found);
      else if (assertion.tolerance !== undefined)
        findings.push(
          note(
            'tolerated',
            `a miss of ${assertion.tolerance.by} is allowed: ${assertion.tolerance.reason}`,
            assertion.name,
          ),
        );
    }
    for (const application of applicationChecks) {
      hooks.say(application.name);
      const found = await askApplication(application, context.target, hooks.signal);
      if (found?.severity !== 'doubt') answered += 1;
      if (found !== null) findings.push(found);
    }
    const total = assertions.length + applicationChecks.length;
    if (total === 0)
      findings.push(
        doubt('no-questions', 'the policy has neither assertions nor applicationChecks for this resource'),
      );
    return {
      findings,
      examined: [{ unit: 'facts', examined: answered, total: Math.max(1, total) }],
      notTested: [],
    };
  },
};

/** Null when it holds. The answer itself stays here: it may be a row's. */
async function ask(
  assertion: Assertion,
  { target, after }: CheckContext,
  { signal }: CheckHooks,
): Promise<Finding | null> {
  const { name, says, sql, timeout } = assertion;
  const database = assertion.database ?? target.database ?? after.databases[0]?.name ?? 'postgres';
  try {
    const answer = await withCopySession(target, database, signal, async (session): Promise<Answer> => {
      await session.run(
        'prepare to ask',
        `SET search_path TO DEFAULT; SET statement_timeout = ${duration(timeout) * 1000}; BEGIN READ ONLY`,
      );
      // Wrapped, it can only be a query; on lines of its own, a comment at its end hurts nobody.
      const counting = assertion.counts === 'rows';
      const question = `SELECT ${counting ? 'count(*)' : 'asked.*'} FROM (\n${sql}\n) AS asked`;
      return { rows: await session.foreign(`ask "${name}"`, question, 2) };
    });
    const { verdict, how } = agrees(assertion, answer);
    if (verdict === 'yes') return null;
    return verdict === 'no'
      ? failure('assertion-broken', `"${says}" does not hold: ${how}`, name)
      : doubt('assertion-unclear', `"${says}" could not be decided: ${how}`, name);
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    return error.meansDamage
      ? failure('cannot-read', error.message, name)
      : doubt('assertion-refused', `"${says}" could not be asked: ${error.message}`, name);
  }
}
