import type { ApplicationCheck } from '../../../domain/policy/verification-schema.ts';
import { duration } from '../../../domain/units.ts';
import type { Finding } from '../../../domain/verdict.ts';
import type { ProbeTarget } from '../../engine.ts';
import { doubt, failure } from './check.ts';

const MOST_BYTES = 65_536;

/**
 * Asks an application whether it can work on the copy. It is told where the copy is, never a password; of its answer only `passed` and a
 * number are used, and no word of it goes on. Null when it is content.
 */
export async function askApplication(
  { name, says, http }: ApplicationCheck,
  { host, port }: ProbeTarget,
  signal: AbortSignal,
): Promise<Finding | null> {
  if (http === undefined) {
    const what = 'a command in a container image is not implemented here: use the HTTP form';
    return doubt('not-implemented', `"${says}" was not asked: ${what}`, name);
  }
  const tooLate = AbortSignal.timeout(duration(http.timeout) * 1000);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(http.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ host, port }),
      redirect: 'error',
      signal: AbortSignal.any([signal, tooLate]),
    });
    text = (await answer.text()).slice(0, MOST_BYTES);
  } catch {
    signal.throwIfAborted();
    const why = tooLate.aborted ? `it did not answer within ${http.timeout}` : 'it could not be reached';
    return doubt('application-silent', `"${says}" could not be asked: ${why}`, name);
  }
  if (!answer.ok)
    return doubt('application-refuses', `"${says}" could not be decided: HTTP status ${answer.status}`, name);
  const { passed, examined } = parsed(text);
  if (typeof passed !== 'boolean')
    return doubt('application-unclear', `"${says}" could not be decided: the answer has no "passed"`, name);
  if (!passed) return failure('application-fails', `"${says}" does not hold, says the application`, name);
  // Zero examined is never a pass.
  return typeof examined === 'number' && examined > 0
    ? null
    : doubt('application-saw-nothing', `"${says}" could not be decided: nothing was examined`, name);
}

function parsed(text: string): { passed?: unknown; examined?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
