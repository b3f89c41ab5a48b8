import type { CheckContext, ProbeHooks } from '../../engine.ts';
import type { CheckId, CheckResult, Coverage, Examined, Finding } from '../../../domain/verdict.ts';
import { MAX_FINDINGS, statusOf } from '../../../domain/verdict.ts';

/** One question to a restored copy. Each check is a file that exports one of these. */
export interface Check {
  readonly id: CheckId;
  readonly question: string;
  run(context: CheckContext, hooks: CheckHooks): Promise<Outcome>;
}

export interface CheckHooks extends ProbeHooks {
  /** What the next heartbeats will say. */
  readonly say: (detail: string) => void;
}

/** What a check saw. Its status follows from this and is never set by hand. */
export interface Outcome {
  readonly findings: readonly Finding[];
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
export function resultOf(check: Check, outcome: Outcome, startedAt: Date, endedAt: Date): CheckResult {
  const { findings, examined, coverage, measured = {} } = outcome;
  const sorted = [...findings].sort((a, b) => BY_SEVERITY[a.severity] - BY_SEVERITY[b.severity]);
  return {
    check: check.id,
    question: check.question,
    status: statusOf(findings, examined),
    examined,
    ...(coverage === undefined ? {} : { coverage }),
    findings: sorted.slice(0, MAX_FINDINGS),
    findingsOmitted: Math.max(0, sorted.length - MAX_FINDINGS),
    notTested: shortened(outcome.notTested),
    measured,
    startedAt: startedAt.toISOString(),
    durationMs: endedAt.getTime() - startedAt.getTime(),
  };
}

function shortened(lines: readonly string[]): string[] {
  if (lines.length <= MAX_NOT_TESTED) return [...lines];
  return [...lines.slice(0, MAX_NOT_TESTED), `and ${lines.length - MAX_NOT_TESTED} more`];
}
