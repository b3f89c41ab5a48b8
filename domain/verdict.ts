import type { Instant } from './units.ts';

/** The questions that a drill asks of every restored database (design: Verification). */
export const STANDARD_CHECKS = ['boot', 'pages', 'structure', 'schema', 'content', 'freshness'] as const;
/** `semantics` asks what the policy itself wants to know, `anomaly` compares with the last verified point. */
export const DATABASE_CHECK_IDS = [...STANDARD_CHECKS, 'semantics', 'anomaly'] as const;
/** The questions that a drill asks of every restored bucket. */
export const BUCKET_CHECK_IDS = ['objects', 'content', 'metadata'] as const;
export const CHECK_IDS = [...DATABASE_CHECK_IDS, 'objects', 'metadata'] as const;
export type DatabaseCheckId = (typeof DATABASE_CHECK_IDS)[number];
export type BucketCheckId = (typeof BUCKET_CHECK_IDS)[number];
export type CheckId = (typeof CHECK_IDS)[number];

/** There is deliberately no default and no fourth value: what was not decided is `inconclusive`. */
export type Status = 'passed' | 'failed' | 'inconclusive';

/**
 * One thing that a check saw. Names objects and counts, never row content.
 * `where` is as exact as the check can be, for example `orders.public.order_line block 812`.
 */
export interface Finding {
  readonly severity: 'failure' | 'doubt' | 'note';
  readonly code: string;
  readonly message: string;
  readonly where?: string;
}

/** How much of what a check looked at. `total` is what the source or the catalogue says there is. */
export interface Examined {
  readonly unit: 'rows' | 'blocks' | 'pages' | 'indexes' | 'objects' | 'tables' | 'facts';
  readonly examined: number;
  readonly total: number;
  /** True only when an independent source (the source's fingerprint) says that there is nothing to examine. */
  readonly knownEmpty?: boolean;
}

/** Share of the content that was proven exactly, bounded only, or not looked at. `rows` are counted at the source. */
export interface Coverage {
  readonly provenRows: number;
  readonly boundedRows: number;
  readonly notExaminedRows: number;
  /** What of the source was not read again tonight, because it provably did not change; the copy was read in full. Absent: nothing. */
  readonly remembered?: {
    readonly blocks: number;
    readonly rows: number;
    /** The day of the oldest night in which one of these blocks was read. */
    readonly since: string;
    /** The tables with the most such rows; `tablesOmitted` counts the others. */
    readonly tables: readonly RememberedTable[];
    readonly tablesOmitted: number;
  };
}

export interface RememberedTable {
  readonly table: string;
  readonly blocks: number;
  readonly rows: number;
  readonly since: string;
}

export interface CheckResult {
  readonly check: CheckId;
  readonly question: string;
  readonly status: Status;
  readonly examined: readonly Examined[];
  readonly coverage?: Coverage;
  /** At most {@link MAX_FINDINGS}; `findingsOmitted` counts the rest, so that histories stay small. */
  readonly findings: readonly Finding[];
  readonly findingsOmitted: number;
  /** What this check did not look at, and why; shown to people as plainly as the rest. */
  readonly notTested: readonly string[];
  /** Measured facts worth keeping: `dataLossSeconds`, `systemIdentifier`, `newestRowAt`. */
  readonly measured: Readonly<Record<string, string | number>>;
  readonly startedAt: Instant;
  readonly durationMs: number;
}

export const MAX_FINDINGS = 50;

export interface Verdict {
  readonly status: Status;
  /** One sentence per reason for which this is not a pass; empty exactly when `status` is `passed`. */
  readonly reasons: readonly string[];
  readonly checks: readonly CheckResult[];
}

/** What a check concludes from its findings and from how much it saw: zero examined is never a pass. */
export function statusOf(findings: readonly Finding[], examined: readonly Examined[]): Status {
  if (findings.some((finding) => finding.severity === 'failure')) return 'failed';
  if (findings.some((finding) => finding.severity === 'doubt')) return 'inconclusive';
  const sawSomething = examined.some(({ examined: n, knownEmpty }) => n > 0 || knownEmpty === true);
  const sawAll = examined.every(({ examined: n, total }) => n >= total);
  return sawSomething && sawAll ? 'passed' : 'inconclusive';
}

/**
 * Folds check results into one verdict. A required check that is absent makes it inconclusive; one failure makes it failed,
 * whatever else is unknown.
 */
export function judge(results: readonly CheckResult[], required: readonly CheckId[]): Verdict {
  const missing = required.filter((id) => !results.some(({ check }) => check === id));
  const reasons = [
    ...results.filter(({ status }) => status === 'failed').map(reasonOf),
    ...results.filter(({ status }) => status === 'inconclusive').map(reasonOf),
    ...missing.map((id) => `${id}: the check did not run`),
    ...(required.length === 0 ? ['no check was required, so nothing was proven'] : []),
  ];
  const failed = results.some(({ status }) => status === 'failed');
  const status: Status = failed ? 'failed' : reasons.length === 0 ? 'passed' : 'inconclusive';
  return { status, reasons, checks: results };
}

function reasonOf({ check, status, findings }: CheckResult): string {
  const worst =
    findings.find(({ severity }) => severity === 'failure') ??
    findings.find(({ severity }) => severity === 'doubt');
  const what = worst?.message ?? (status === 'failed' ? 'failed' : 'nothing or not everything was examined');
  return worst?.where === undefined ? `${check}: ${what}` : `${check}: ${what} (${worst.where})`;
}

/** A check that could not run at all: a time-out, a missing fingerprint, a lost probe. */
export function couldNotRun(
  check: CheckId,
  question: string,
  reason: string,
  startedAt: Instant,
  durationMs = 0,
): CheckResult {
  return {
    check,
    question,
    status: 'inconclusive',
    examined: [],
    findings: [{ severity: 'doubt', code: 'could-not-run', message: reason }],
    findingsOmitted: 0,
    notTested: [`everything this check asks: ${reason}`],
    measured: {},
    startedAt,
    durationMs,
  };
}
