import { csvLine } from './population.ts';
import type { IsolationFact, SignOffFact, TeardownProofFact, WaiverFact } from '../../domain/claims.ts';
import type { CheckResult, Coverage, Status } from '../../domain/verdict.ts';
import type {
  DrillFact,
  FenceFact,
  FingerprintRef,
  ProtectionFact,
  Recorded,
  RecoveryPointFacts,
  TeardownFact,
  Timing,
} from '../../domain/facts.ts';

/** A statement by its place and digest. */
export interface StatementId {
  readonly key: string;
  readonly versionId: string;
  readonly sha256: string;
  readonly signedBy: readonly string[];
}

/** What the ledger holds about one drill: enough for a report, and enough to check the report against. */
export interface DrillEvidence {
  readonly bucket: string;
  readonly drill: StatementId;
  readonly fact: Recorded<DrillFact>;
  /** The statement that made the recovery point; null when it is not there (any more). */
  readonly protection: { readonly statement: StatementId; readonly fact: ProtectionFact } | null;
  /** Null until the night is sealed. */
  readonly seal: {
    readonly key: string;
    readonly sequence: number;
    readonly sha256: string;
    readonly sealedAt: string;
  } | null;
  /** The lock of the statement itself, as S3 tells it; null: none. An export cannot be asked. */
  readonly lock: { readonly mode: string; readonly until: string } | null | 'not asked';
  readonly signOffs: readonly { readonly key: string; readonly fact: SignOffFact }[];
  readonly waivers: readonly { readonly key: string; readonly fact: WaiverFact }[];
  /** Statements of their own about what kept the copy apart and what is left of it; null in drills older than those. */
  readonly proofs: {
    readonly isolation: { readonly key: string; readonly fact: IsolationFact } | null;
    readonly teardown: { readonly key: string; readonly fact: TeardownProofFact } | null;
  };
}

/** A moment of the drill, by Temporal's clock, in UTC; null when it was not reached. */
export interface Moment {
  readonly what: string;
  readonly at: string | null;
}

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
    readonly requestedBy: string | null;
    readonly approvedBy: readonly string[] | null;
    readonly recordedBy: Recorded['recordedBy'] | null;
    readonly tier: string | null;
    readonly owner: string | null;
    readonly objectivesSource: { readonly document: string; readonly date: string } | null;
  };
  /** What no statement says, field by field, with the reason. */
  readonly notRecorded: Readonly<Record<string, string>>;
  readonly moments: readonly Moment[];
  readonly freshUntil: string | null;
  readonly retries: DrillFact['retries'] | null;
  readonly manualSteps: readonly string[] | null;
  readonly retentionEffect: readonly string[] | null;
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
  readonly signOffs: DrillEvidence['signOffs'];
  readonly waivers: DrillEvidence['waivers'];
  readonly proofs: DrillEvidence['proofs'];
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

export function drillReportOf(evidence: DrillEvidence): DrillReport {
  const { bucket, drill, fact, protection, seal, lock, signOffs, waivers, proofs } = evidence;
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
      engineVersion: fact.engineVersion ?? protection?.fact.engineVersion ?? null,
      requestedBy: fact.requestedBy ?? (trigger === 'night' ? 'the schedule of the policy' : null),
      approvedBy: fact.approvedBy ?? null,
      recordedBy: fact.recordedBy ?? null,
      tier: fact.scope?.tier ?? null,
      owner: fact.scope?.owner ?? null,
      objectivesSource: fact.scope?.objectivesSource ?? null,
    },
    notRecorded: notRecordedOf(fact),
    moments: momentsOf(fact),
    freshUntil: fact.freshUntil ?? null,
    retries: fact.retries ?? null,
    manualSteps: fact.manualSteps ?? null,
    retentionEffect: fact.retentionEffect ?? null,
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
    signOffs,
    waivers,
    proofs,
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

/** Fields that a reader may look for and that this statement does not have, each with the reason. */
function notRecordedOf(fact: Recorded<DrillFact>): Record<string, string> {
  const { trigger, selection } = fact;
  const missing: Record<string, string> = {};
  const without = (field: string, value: unknown, why: string): void => {
    if (value === undefined) missing[field] = why;
  };
  if (trigger !== 'night')
    without('requestedBy', fact.requestedBy, 'the statement does not name who started it by hand');
  without('approvedBy', fact.approvedBy, 'drills need no approval, and this one names none');
  without('recordedBy', fact.recordedBy, 'the statement is older than this field');
  without('tier', fact.scope?.tier, 'the policy has no tiers');
  without('owner', fact.scope?.owner, 'the policy names no owner of a resource');
  without(
    'objectivesSource',
    fact.scope?.objectivesSource,
    'the policy holds the objectives, not the document they come from',
  );
  without('deletableBy', fact.point?.deletableBy, 'the policies of vaults and keys were not read');
  if (selection.seed === undefined)
    missing['seed'] = /random/i.test(selection.rule)
      ? 'the statement does not name the seed of a random choice'
      : 'the choice was not random';
  without(
    'lastVerifiedAt',
    selection.lastVerifiedAt,
    'the statement does not say when this resource was verified before',
  );
  without('retries', fact.retries, 'attempts are in the history of the workflow, not in the statement');
  without(
    'manualSteps',
    fact.manualSteps,
    'the statement does not say whether a person did anything by hand',
  );
  without(
    'retentionEffect',
    fact.retentionEffect,
    'the statement does not say whether a hold was placed or released',
  );
  without('freshUntil', fact.freshUntil, 'the statement does not say how long its verdict holds');
  return missing;
}

function momentsOf({ timings }: DrillFact): Moment[] {
  const of = (step: string, edge: 'start' | 'end'): string | null => {
    const timing = timings.find((one) => one.step === step);
    if (timing === undefined) return null;
    const at = Date.parse(timing.startedAt) + (edge === 'end' ? timing.seconds * 1000 : 0);
    return new Date(at).toISOString();
  };
  return [
    { what: 'point chosen', at: of('choose point', 'end') },
    { what: 'copied to the drill account', at: of('transit copy', 'end') },
    { what: 'restore started', at: of('restore', 'start') },
    { what: 'available by the API', at: of('restore', 'end') },
    { what: 'first query answered', at: of('first query', 'end') },
    { what: 'verified', at: of('checks', 'end') },
    { what: 'cleaned up', at: of('teardown', 'end') },
  ];
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

/** One line per fact: section, name, value. */
export function* drillCsv(report: DrillReport): Generator<string> {
  const { identity, verdict, objectives, checks, moments, hops, notTested, notRecorded, integrity } = report;
  yield csvLine(['section', 'name', 'value', 'detail']);
  yield csvLine(['drill', 'verdict', verdict, report.reasons.join('; ')]);
  yield csvLine(['drill', 'resource', identity.resource.name, identity.resource.arn]);
  yield csvLine(['drill', 'slot', identity.slot, identity.trigger]);
  yield csvLine(['drill', 'policy', identity.policy, identity.policySha256]);
  for (const { name, measuredSeconds, targetSeconds, state } of objectives)
    yield csvLine([
      'objective',
      name,
      String(measuredSeconds ?? 'not measured'),
      `${state}; target ${String(targetSeconds ?? 'none')}`,
    ]);
  for (const { check, status, examined } of checks)
    yield csvLine([
      'check',
      check,
      status,
      examined.map(({ unit, examined: n, total }) => `${n} of ${total} ${unit}`).join('; '),
    ]);
  for (const { what, at } of moments) yield csvLine(['timeline', what, at ?? 'not reached', '']);
  for (const { arn, location, lock } of hops)
    yield csvLine(['hop', arn, `${location.accountId} ${location.region} ${location.vault}`, lock.state]);
  for (const what of notTested) yield csvLine(['not tested', what, '', '']);
  for (const [field, why] of Object.entries(notRecorded)) yield csvLine(['not recorded', field, '', why]);
  yield csvLine(['integrity', integrity.statement, integrity.sha256, integrity.signedBy.join(' ')]);
}
