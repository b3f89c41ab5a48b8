import { duration } from '../../units.ts';
import type { PathSegment } from '../problem.ts';
import type { Policy } from '../schema.ts';
import { problem, warning } from './rule.ts';
import type { Complaint, Rule } from './rule.ts';

interface Bound {
  readonly path: readonly PathSegment[];
  readonly given: string;
  readonly least: string;
  readonly why: string;
}

/** Lengths of time that would switch a promise off, or that nobody can have meant. */
export const durationsAreSensible: Rule = (policy) => [
  ...bounds(policy).flatMap(({ path, given, least, why }) =>
    duration(given) >= duration(least)
      ? []
      : [problem(path, `at least ${least}`, `${given} was given; at least ${least} is allowed: ${why}`)],
  ),
  ...longRetention(policy),
];

function bounds({ schedule, objectives, drill, ledger }: Policy): Bound[] {
  return [
    {
      path: ['schedule', 'catchUpWindow'],
      given: schedule.catchUpWindow,
      least: '1m',
      why: 'a missed night could never be made up',
    },
    {
      path: ['schedule', 'sweepEvery'],
      given: schedule.sweepEvery,
      least: '1m',
      why: 'every sweep lists the whole drill account',
    },
    { path: ['objectives', 'rto'], given: objectives.rto, least: '1m', why: 'no restore is faster' },
    { path: ['objectives', 'rpo'], given: objectives.rpo, least: '1s', why: 'no backup holds the present' },
    {
      path: ['drill', 'expiresAfter'],
      given: drill.expiresAfter,
      least: '15m',
      why: 'a drill needs time to run',
    },
    { path: ['ledger', 'keep'], given: ledger.keep, least: '1d', why: 'evidence must outlast the night' },
  ];
}

/** Ten years. A compliance lock cannot be taken back, and every point in it is paid for until its day. */
const LONG_DAYS = 3653;

function longRetention({ retention }: Policy): Complaint[] {
  if (retention.days <= LONG_DAYS) return [];
  const years = Math.floor(retention.days / 365.25);
  const message = `is about ${years} years, and what lies in a compliance vault can be removed by nobody before that; make sure that this is meant`;
  return [warning(['retention', 'days'], 'a retention that is really wanted', message)];
}
