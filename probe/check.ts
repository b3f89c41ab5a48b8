import type { CheckId, CheckResult, Coverage, Examined, Finding } from '../domain/verdict.ts';
import { MAX_FINDINGS, couldNotRun, statusOf } from '../domain/verdict.ts';
import type { ProbeHooks } from './engine.ts';
import { keepAlive } from './keep-alive.ts';

/** One question to a restored copy. Each check is a file that exports one of these; `C` is what its kind of copy needs. */
export interface Check<C> {
  readonly id: CheckId;
  readonly question: string;
  run(context: C, hooks: CheckHooks): Promise<Outcome>;
}

export interface CheckHooks extends ProbeHooks {
  /** What the next heartbeats will say. */
  readonly say: (detail: string) => void;
}

/** What a check saw. Its status follows from this and is never set by hand. */
export interface Outcome {
  readonly findings: readonly Finding[];
  /** Findings that were counted and not kept; never worse than the worst that was kept. */
  readonly findingsOmitted?: number;
  readonly examined: readonly Examined[];
  readonly notTested: readonly string[];
  readonly coverage?: Coverage;
  readonly measured?: Readonly<Record<string, string | number>>;
}

export function failure(code: string, message: string, where?: string): Finding {
  return { severity: 'failure', code, message, ...(where === undefined ? {} : { where }) };
}

/** Something that keeps the check from being sure. It makes the verdict inconclusive. */
export function doubt(code: string, message: string, where?: string): Finding {
  return { severity: 'doubt', code, message, ...(where === undefined ? {} : { where }) };
}

export function note(code: string, message: string, where?: string): Finding {
  return { severity: 'note', code, message, ...(where === undefined ? {} : { where }) };
}

const BY_SEVERITY = { failure: 0, doubt: 1, note: 2 } as const;
/** Histories stay small; the number of further lines is told. */
const MAX_NOT_TESTED = 50;

/** The result as it travels: worst findings first, at most {@link MAX_FINDINGS}, the status decided from all of them. */
export function resultOf(
  check: Pick<Check<never>, 'id' | 'question'>,
  outcome: Outcome,
  startedAt: Date,
  endedAt: Date,
): CheckResult {
  const { findings, findingsOmitted = 0, examined, coverage, measured = {} } = outcome;
  const sorted = [...findings].sort((a, b) => BY_SEVERITY[a.severity] - BY_SEVERITY[b.severity]);
  return {
    check: check.id,
    question: check.question,
    status: statusOf(findings, examined),
    examined,
    ...(coverage === undefined ? {} : { coverage }),
    findings: sorted.slice(0, MAX_FINDINGS),
    findingsOmitted: findingsOmitted + Math.max(0, sorted.length - MAX_FINDINGS),
    notTested: shortened(outcome.notTested),
    measured,
    startedAt: startedAt.toISOString(),
    durationMs: endedAt.getTime() - startedAt.getTime(),
  };
}

/**
 * Asks one check. What `isRefusal` recognises makes it inconclusive, in the words of the error; everything else is thrown, since asking
 * again may help.
 */
export async function askCheck<C>(
  check: Check<C>,
  context: C,
  hooks: ProbeHooks,
  isRefusal: (error: unknown) => error is Error,
): Promise<CheckResult> {
  const startedAt = hooks.now();
  try {
    const outcome = await keepAlive(hooks, `${check.id}: starting`, (say) =>
      check.run(context, {
        heartbeat: (detail) => hooks.heartbeat(detail),
        now: () => hooks.now(),
        signal: hooks.signal,
        say: (detail) => say(`${check.id}: ${detail}`),
      }),
    );
    return resultOf(check, outcome, startedAt, hooks.now());
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const tookMs = hooks.now().getTime() - startedAt.getTime();
    return couldNotRun(check.id, check.question, error.message, startedAt.toISOString(), tookMs);
  }
}

function shortened(lines: readonly string[]): string[] {
  if (lines.length <= MAX_NOT_TESTED) return [...lines];
  return [...lines.slice(0, MAX_NOT_TESTED), `and ${lines.length - MAX_NOT_TESTED} more`];
}
