import { csvLine, populationOf } from './population.ts';
import type { SignOffFact, WaiverFact } from '../../domain/claims.ts';
import type { Basis, NightRecord } from './source.ts';
import type { PopulationReport } from './population.ts';

/** One drill in a few numbers. */
export interface DrillNumbers {
  readonly slot: string;
  readonly resource: string;
  readonly key: string;
  readonly verdict: string;
  readonly rto: number | null;
  readonly rpo: number | null;
}

export interface NightNumbers {
  readonly slot: string;
  readonly drills: number;
  readonly passed: number;
  /** The worst of the night, in seconds; null when nothing was measured. */
  readonly worstRto: number | null;
  readonly worstRpo: number | null;
}

export interface MonthlyReport {
  readonly format: 'lifeboat-monthly-summary/v1';
  readonly period: { readonly from: string | null; readonly to: string | null };
  readonly basis: Basis;
  readonly population: PopulationReport;
  readonly nights: readonly NightNumbers[];
  readonly objectives: { readonly rtoSeconds: number | null; readonly rpoSeconds: number | null };
  readonly failures: readonly {
    readonly slot: string;
    readonly resource: string;
    readonly verdict: string;
    readonly reasons: string;
    readonly key: string;
  }[];
  /** What checks said of themselves that they did not look at, with the number of drills that said it. */
  readonly notTested: readonly { readonly what: string; readonly drills: number }[];
  readonly restores: number;
  readonly provenGone: number;
  readonly lingering: readonly string[];
  readonly waivers: readonly { readonly key: string; readonly fact: WaiverFact }[];
  readonly signOffs: readonly { readonly key: string; readonly fact: SignOffFact }[];
  readonly drills: number;
  readonly knownBad: { readonly drills: number; readonly notCaught: readonly string[] };
  readonly alerts: readonly {
    readonly at: string;
    readonly state: string;
    readonly severity: string;
    readonly subject: string;
    readonly message: string;
  }[];
  readonly irregularities: number;
  readonly local: number;
}

const MOST_FAILURES = 2000;
const MOST_KINDS = 500;

/** Collects a month for people who do not read statements; keeps numbers, not drills. */
export function monthlyOf(basis: Basis, period: MonthlyReport['period'], policy?: string) {
  const population = populationOf(basis, period, policy);
  const nights = new Map<string, { drills: number; passed: number; rto: number[]; rpo: number[] }>();
  const failures: MonthlyReport['failures'][number][] = [];
  const notTested = new Map<string, number>();
  const requests = new Set<string>();
  const lingering = new Set<string>();
  const waivers: MonthlyReport['waivers'][number][] = [];
  const signOffs: MonthlyReport['signOffs'][number][] = [];
  let objectives: MonthlyReport['objectives'] = { rtoSeconds: null, rpoSeconds: null };
  const notCaught: string[] = [];
  const alerts: MonthlyReport['alerts'][number][] = [];
  let knownBad = 0;
  let provenGone = 0;
  let irregularities = 0;
  let drills = 0;
  let local = 0;

  return {
    add(night: NightRecord): void {
      population.add(night);
      irregularities += night.seal.irregularities.length;
      for (const { fact, key } of night.statements) {
        if (policy !== undefined && fact.policy !== policy) continue;
        if (fact.recordedBy?.confidence === 'local') local += 1;
        if (fact.type === 'restore') requests.add(fact.request);
        if (fact.type === 'waiver') waivers.push({ key, fact });
        if (fact.type === 'sign-off') signOffs.push({ key, fact });
        if (fact.type === 'retention')
          for (const vault of fact.vaults) {
            provenGone += vault.provenGone.length;
            for (const { arn } of vault.lingering) lingering.add(arn);
          }
        if (fact.type === 'alert' && alerts.length < MOST_FAILURES) {
          const { at, state, severity, subject, message } = fact;
          alerts.push({ at, state, severity, subject, message });
        }
        if (fact.type === 'known-bad') {
          knownBad += 1;
          if (!fact.caught) notCaught.push(`${fact.slot}: ${fact.damage} in ${fact.resource.name}`);
        }
        if (fact.type !== 'drill') continue;
        drills += 1;
        objectives = fact.objectives;
        const numbers = nights.get(fact.slot) ?? { drills: 0, passed: 0, rto: [], rpo: [] };
        nights.set(fact.slot, numbers);
        numbers.drills += 1;
        if (fact.verdict === 'passed') numbers.passed += 1;
        if (fact.rto.verified !== null) numbers.rto.push(fact.rto.verified);
        if (fact.rpoSeconds !== null) numbers.rpo.push(fact.rpoSeconds);
        for (const { check, notTested: parts } of fact.checks)
          for (const part of parts) {
            const what = `${check}: ${part}`;
            if (notTested.size < MOST_KINDS || notTested.has(what))
              notTested.set(what, (notTested.get(what) ?? 0) + 1);
          }
        if (fact.verdict !== 'passed' && failures.length < MOST_FAILURES)
          failures.push({
            slot: fact.slot,
            resource: fact.resource.name,
            verdict: fact.verdict,
            reasons: fact.reasons.join('; '),
            key,
          });
      }
    },
    report: (): MonthlyReport => ({
      format: 'lifeboat-monthly-summary/v1',
      period,
      basis,
      population: population.report(),
      nights: [...nights]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([slot, numbers]) => ({
          slot,
          drills: numbers.drills,
          passed: numbers.passed,
          worstRto: most(numbers.rto),
          worstRpo: most(numbers.rpo),
        })),
      objectives,
      failures,
      notTested: [...notTested].map(([what, n]) => ({ what, drills: n })).sort((a, b) => b.drills - a.drills),
      restores: requests.size,
      provenGone,
      lingering: [...lingering],
      waivers,
      signOffs,
      drills,
      knownBad: { drills: knownBad, notCaught },
      alerts,
      irregularities,
      local,
    }),
  };
}

const most = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((a, b) => Math.max(a, b));

/** How old the last verified copy of a resource was in each slot, in milliseconds; null before the first one of the period. */
export function exposureOf({ slots, resources }: PopulationReport) {
  return resources
    .filter(({ counts }) => Object.keys(counts).some((end) => end !== 'excluded'))
    .map(({ policy, resource, runs }) => {
      let verified: number | null = null;
      const ages: (number | null)[] = slots.map(() => null);
      const ends = slots.map((): string | null => null);
      for (const { end, first, last } of runs) for (let n = first; n <= last; n += 1) ends[n] = end;
      slots.forEach(({ slot, policy: of }, n) => {
        if (of !== policy) return;
        const at = Date.parse(slot);
        if (ends[n] === 'passed') verified = at;
        ages[n] = verified === null ? null : at - verified;
      });
      return { resource, ages };
    });
}

export function* monthlyCsv({ nights, objectives }: MonthlyReport): Generator<string> {
  yield csvLine([
    'slot',
    'drills',
    'passed',
    'worst RTO seconds',
    'RTO objective',
    'worst RPO seconds',
    'RPO objective',
  ]);
  for (const { slot, drills, passed, worstRto, worstRpo } of nights)
    yield csvLine(
      [
        slot,
        drills,
        passed,
        worstRto ?? '',
        objectives.rtoSeconds ?? '',
        worstRpo ?? '',
        objectives.rpoSeconds ?? '',
      ].map(String),
    );
}
