import { isUnproven, predicateText } from '../../domain/promises.ts';
import { csvLine, usualDistance } from '../reports/population.ts';
import { ask, covered } from './predicates.ts';
import type { Predicate, PublishedPromise } from '../../domain/promises.ts';
import type { Basis } from '../reports/source.ts';
import type { Answer, Finding, Question } from './predicates.ts';
import type { OfResource, PromiseRecord } from './record.ts';

export interface PredicateAnswer {
  readonly predicate: string;
  readonly answer: Answer;
  readonly findings: readonly Finding[];
}

export interface PromiseAnswer {
  readonly name: string;
  readonly says: string;
  readonly answer: Answer;
  readonly predicates: readonly PredicateAnswer[];
  /** Resources that the policy leaves out on purpose; the promise was not asked about them. */
  readonly leftOut: readonly string[];
}

export interface PromiseReport {
  readonly format: 'lifeboat-promise-report/v1';
  readonly title: string;
  readonly period: { readonly from: string; readonly to: string };
  readonly basis: Basis;
  readonly promises: readonly PromiseAnswer[];
}

/**
 * Answers each promise for a period, both days included. Kept only when evidence covers the period and shows it; broken only when a statement,
 * or an unbroken chain without one, shows it; everything else is not provable.
 */
export function promiseReport(
  title: string,
  promises: readonly PublishedPromise[],
  record: PromiseRecord,
  period: PromiseReport['period'],
): PromiseReport {
  return {
    format: 'lifeboat-promise-report/v1',
    title,
    period,
    basis: record.basis,
    promises: promises.map((promise) => answerOf(promise, record, period)),
  };
}

function answerOf(
  promise: PublishedPromise,
  record: PromiseRecord,
  period: PromiseReport['period'],
): PromiseAnswer {
  const from = Date.parse(period.from);
  const to = Date.parse(period.to) + 86_400_000 - 1;
  const all = [...record.resources.values()];
  const asked = promise.resources;
  const meant = all.filter(
    ({ name, first, last }) => (asked?.includes(name) ?? true) && first <= to && last >= from,
  );
  const excluded = (one: OfResource): boolean =>
    asked === undefined && one.ends.size > 0 && [...one.ends.keys()].every((end) => end === 'excluded');
  const resources = meant.filter((one) => !excluded(one)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const unknown = (asked ?? []).filter((name) => !meant.some((one) => one.name === name));
  const question: Question = { from, to, resources };
  const predicates = promise.holds.map((predicate) => predicateAnswer(predicate, record, question, unknown));
  return {
    name: promise.name,
    says: promise.says,
    answer: worst(predicates.map(({ answer }) => answer)),
    predicates,
    leftOut: meant.filter(excluded).map(({ name }) => name),
  };
}

function predicateAnswer(
  predicate: Predicate,
  record: PromiseRecord,
  question: Question,
  unknown: readonly string[],
): PredicateAnswer {
  const findings = [
    ...ask(predicate, record, question),
    ...(isUnproven(predicate.kind) ? [] : limits(record, question, unknown)),
  ];
  return {
    predicate: predicateText(predicate),
    answer: worst(findings.map(({ answer }) => answer)),
    findings,
  };
}

/** Reasons for which nothing can be called kept, whatever the statements say. */
function limits(
  record: PromiseRecord,
  { from, to, resources }: Question,
  unknown: readonly string[],
): Finding[] {
  const not = (because: string): Finding => ({ answer: 'not provable', because, shownBy: [], of: 0 });
  const { basis, slots } = record;
  const findings = unknown.map((name) => not(`${name}: no statement of the period names it`));
  if (basis.problems.length > 0)
    findings.push(not(`the evidence itself does not hold (${basis.problems[0] ?? ''})`));
  if (resources.length === 0 && unknown.length === 0)
    findings.push(not('no resource is named by the evidence of the period'));
  const seen = covered(record, { from, to });
  if (seen === null) findings.push(not('the evidence does not reach into the period'));
  else {
    const slack = 1.5 * (usualDistance(slots) ?? 86_400_000);
    const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
    if (seen.from - from > slack)
      findings.push(not(`the evidence begins on ${day(seen.from)}, the period before`));
    if (to - seen.to > slack) findings.push(not(`the evidence ends on ${day(seen.to)}, the period later`));
  }
  return findings;
}

/** One broken part breaks it; one that is not provable leaves it open. Nothing asked is nothing proven. */
function worst(answers: readonly Answer[]): Answer {
  if (answers.includes('broken')) return 'broken';
  return answers.length === 0 || answers.includes('not provable') ? 'not provable' : 'kept';
}

export function* promisesCsv({ promises }: PromiseReport): Generator<string> {
  yield csvLine([
    'promise',
    'says',
    'answer',
    'predicate',
    'answer of predicate',
    'finding',
    'because',
    'statements',
    'shown by',
  ]);
  for (const { name, says, answer, predicates } of promises)
    for (const { predicate, answer: part, findings } of predicates)
      for (const finding of findings)
        yield csvLine([
          name,
          says,
          answer,
          predicate,
          part,
          finding.answer,
          finding.because,
          String(finding.of),
          finding.shownBy.map(({ key }) => key).join(' '),
        ]);
}
