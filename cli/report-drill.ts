import type { DrillEvidence } from '../activities/ledger/index.ts';
import type { CheckResult, Coverage, Status } from '../domain/verdict.ts';
import type {
  DrillFact,
  FenceFact,
  FingerprintRef,
  RecoveryPointFacts,
  TeardownFact,
  Timing,
} from '../domain/facts.ts';

/** One objective against what was measured. `margin` is what was left, in seconds; negative when it was missed. */
export interface ObjectiveResult {
  readonly name: string;
  readonly targetSeconds: number | null;
  readonly measuredSeconds: number | null;
  readonly marginSeconds: number | null;
  readonly state: 'met' | 'missed' | 'unknown' | 'no target';
}

/** A drill as people and programs read it: rendered from statements and seals alone, never from the live state of anything. */
export interface DrillReport {
  readonly format: 'lifeboat-drill-report/v1';
  readonly verdict: Status;
  readonly reasons: readonly string[];
  readonly identity: {
    readonly resource: DrillFact['resource'];
    readonly policy: string;
    readonly policySha256: string;
    readonly slot: string;
    readonly trigger: DrillFact['trigger'];
    readonly engineVersion: string | null;
  };
  readonly selection: DrillFact['selection'];
  /** The point that was restored, and every point of the same backup from the source to the last vault. */
  readonly point: RecoveryPointFacts | null;
  readonly hops: readonly RecoveryPointFacts[];
  readonly fingerprints: readonly FingerprintRef[];
  readonly objectives: readonly ObjectiveResult[];
  readonly checks: readonly CheckResult[];
  readonly coverage: (Coverage & { readonly provenShare: number | null }) | null;
  readonly notTested: readonly string[];
  readonly fence: FenceFact | null;
  readonly restoredArn: string | null;
  readonly timings: readonly Timing[];
  readonly backupTimings: readonly Timing[];
  readonly teardown: TeardownFact | null;
  readonly exceptions: readonly string[];
  readonly signOff: string;
  readonly integrity: {
    readonly bucket: string;
    readonly statement: string;
    readonly versionId: string;
    readonly sha256: string;
    readonly signedBy: readonly string[];
    readonly lock: DrillEvidence['lock'];
    readonly protection: { readonly key: string; readonly sha256: string } | null;
    readonly seal: DrillEvidence['seal'];
  };
  readonly controls: readonly { readonly control: string; readonly shownBy: string }[];
}

export function drillReportOf({ bucket, drill, fact, protection, seal, lock }: DrillEvidence): DrillReport {
  const { checks, resource, policy, policySha256, slot, trigger } = fact;
  return {
    format: 'lifeboat-drill-report/v1',
    verdict: fact.verdict,
    reasons: fact.reasons,
    identity: {
      resource,
      policy,
      policySha256,
      slot,
      trigger,
      engineVersion: protection?.fact.engineVersion ?? null,
    },
    selection: fact.selection,
    point: fact.point,
    hops: protection?.fact.points ?? (fact.point === null ? [] : [fact.point]),
    fingerprints: protection?.fact.fingerprints ?? [],
    objectives: objectivesOf(fact),
    checks,
    coverage: coverageOf(checks),
    notTested: notTestedOf(fact),
    fence: fact.fence,
    restoredArn: fact.restoredArn,
    timings: fact.timings,
    backupTimings: protection?.fact.timings ?? [],
    teardown: fact.teardown,
    exceptions: exceptionsOf(fact, protection),
    signOff: 'No reviewer has signed this drill off.',
    integrity: {
      bucket,
      statement: drill.key,
      versionId: drill.versionId,
      sha256: drill.sha256,
      signedBy: drill.signedBy,
      lock,
      protection:
        protection === null ? null : { key: protection.statement.key, sha256: protection.statement.sha256 },
      seal,
    },
    controls: CONTROLS,
  };
}

function objectivesOf({ rto, rpoSeconds, objectives }: DrillFact): ObjectiveResult[] {
  const against = (
    name: string,
    targetSeconds: number | null,
    measuredSeconds: number | null,
  ): ObjectiveResult => {
    const marginSeconds =
      targetSeconds === null || measuredSeconds === null ? null : targetSeconds - measuredSeconds;
    const state =
      targetSeconds === null
        ? 'no target'
        : marginSeconds === null
          ? 'unknown'
          : marginSeconds >= 0
            ? 'met'
            : 'missed';
    return { name, targetSeconds, measuredSeconds, marginSeconds, state };
  };
  return [
    against('RTO: data verified', objectives.rtoSeconds, rto.verified),
    against('RTO: first query answered', null, rto.firstQuery),
    against('RTO: available by the API', null, rto.available),
    against('RPO: age of the newest data at the backup', objectives.rpoSeconds, rpoSeconds),
  ];
}

/** Rows of the content check: the only one that compares what is in the tables. */
function coverageOf(checks: readonly CheckResult[]): DrillReport['coverage'] {
  const coverage = checks.find(({ coverage: seen }) => seen !== undefined)?.coverage;
  if (coverage === undefined) return null;
  const { provenRows, boundedRows, notExaminedRows } = coverage;
  const all = provenRows + boundedRows + notExaminedRows;
  return { ...coverage, provenShare: all === 0 ? null : provenRows / all };
}

function notTestedOf({ checks, fence, rpoSeconds, point }: DrillFact): string[] {
  return [
    ...(point === null ? ['Everything: no recovery point was restored.'] : []),
    ...checks.flatMap(({ check, notTested }) => notTested.map((what) => `${check}: ${what}`)),
    ...(fence === null ? ['Isolation: nobody tried to reach production from the restored copy.'] : []),
    ...(rpoSeconds === null ? ['RPO: no column of the data says how recent it is.'] : []),
  ];
}

function exceptionsOf({ teardown, fence }: DrillFact, protection: DrillEvidence['protection']): string[] {
  return [
    ...(protection === null
      ? ['The statement of the backup is not in the ledger: hops and fingerprints are not shown.']
      : []),
    ...(protection?.fact.outcome === 'failed'
      ? [`The backup of this night failed: ${protection.fact.reason ?? 'no reason given'}.`]
      : []),
    ...(fence?.attempts.some(({ reached }) => reached) === true
      ? ['The restored copy could reach what it must not reach.']
      : []),
    ...(teardown === null ? ['Nothing is said about the removal of the restored copy.'] : []),
    ...(teardown?.complete === false ? ['Not everything that the drill created could be removed.'] : []),
  ];
}

/** What this report can show to whom. It supports a control; it does not fulfil one alone. */
const CONTROLS = [
  {
    control: 'SOC 2 A1.2',
    shownBy: 'recovery points in other accounts and regions, their locks as read back',
  },
  { control: 'SOC 2 A1.3', shownBy: 'this restore, its checks and its verdict' },
  { control: 'ISO 27001:2022 A.8.13', shownBy: 'backup, copies and the test of restoring them' },
  { control: 'ISO 27001:2022 A.5.30', shownBy: 'recovery time and recovery point against their objectives' },
  {
    control: 'NIST SP 800-53 CP-4, CP-9, CP-10',
    shownBy: 'the drill, the protected copies, the recovery to a known state',
  },
  {
    control: 'HIPAA 164.308(a)(7)',
    shownBy: 'data backup plan carried out, testing of the contingency plan',
  },
  { control: 'DORA Art. 11 and 12', shownBy: 'recovery tested on separated systems, with integrity checks' },
] as const;
