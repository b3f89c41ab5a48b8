import { isUnproven, WHY_UNPROVEN } from '../../domain/promises.ts';
import { duration } from '../../domain/units.ts';
import { count, howLong, some, when } from '../../domain/words.ts';
import type { Predicate } from '../../domain/promises.ts';
import type { Backup, OfResource, PointOfBackup, PromiseRecord, Shown } from './record.ts';

export type Answer = 'kept' | 'broken' | 'not provable';

export interface Finding {
  readonly answer: Answer;
  readonly because: string;
  /** Statements that show it; `of` counts all of them. */
  readonly shownBy: readonly Shown[];
  readonly of: number;
}

/** The part of time that is asked about, in milliseconds, and for which resources. */
export interface Question {
  readonly from: number;
  readonly to: number;
  readonly resources: readonly OfResource[];
}

/** Summer time moves a night by an hour; a promise of "daily" means that. */
const CLOCK_CHANGE_MS = 3_600_000;
/** Copies end hours after the hand-over is written down; the statement of an end is a little later than the end. */
const WRITING_MS = 600_000;
const SHOWN = 5;

const broken = (because: string, shownBy: readonly Shown[] = [], of = shownBy.length): Finding => ({
  answer: 'broken',
  because,
  shownBy: shownBy.slice(0, SHOWN),
  of,
});
const open = (because: string): Finding => ({ answer: 'not provable', because, shownBy: [], of: 0 });
const kept = (because: string, shownBy: readonly Shown[], of = shownBy.length): Finding => ({
  answer: 'kept',
  because,
  shownBy: shownBy.slice(-SHOWN),
  of,
});
const at = (ms: number): string => when(new Date(ms));

/** Everything that one predicate says about the period; the worst answer counts. */
export function ask(predicate: Predicate, record: PromiseRecord, question: Question): Finding[] {
  const { kind, every, within, atLeast, atMost, count: number, regions } = predicate;
  if (isUnproven(kind)) return [open(WHY_UNPROVEN[kind])];
  const limit = (text: string | undefined): number => duration(text ?? '0s') * 1000;
  switch (kind) {
    case 'backed-up':
      return question.resources.map((one) => backedUp(one, limit(every), record, question));
    case 'recovered':
      return question.resources.map((one) => recovered(one, limit(within), record, question));
    case 'encrypted':
      return points(question, 'is encrypted', (point) =>
        point.encryptionKeyArn === null ? `no key was read back at ${place(point)}` : null,
      );
    case 'other-region':
      return backups(question, 'has a copy in another region', ({ points: all, resource }) =>
        all.some(({ location }) => location.region !== resource.arn.split(':')[3])
          ? null
          : 'every copy lies in the region of the resource',
      );
    case 'other-account':
      return backups(question, 'has a copy in another account', ({ points: all, resource }) =>
        all.some(({ location }) => location.accountId !== resource.arn.split(':')[4])
          ? null
          : 'every copy lies in the account of the resource',
      );
    case 'immutable':
      return backups(
        question,
        'lies under an immutable lock',
        ({ points: all }) => {
          const last = all.at(-1);
          return last === undefined || last.lock.state === 'immutable'
            ? null
            : last.lock.state === 'unknown'
              ? { unknown: `the lock could not be read (${last.lock.reason})` }
              : `the lock was ${last.lock.state}`;
        },
        (backup) => `${lastPoint(backup)}/lock`,
      );
    case 'kept':
      return backups(
        question,
        'is kept long enough',
        (backup) => keptLong(backup, limit(atLeast)),
        lastPoint,
      );
    case 'removed':
      return removed(limit(within), record, question);
    case 'points':
      return question.resources.map((one) => enough(one, number ?? 0, record, question));
    case 'rto':
      return measured(question, 'RTO', limit(atMost), ({ rto }) => rto);
    case 'rpo':
      return measured(question, 'RPO', limit(atMost), ({ rpo }) => rpo);
    case 'access':
      return access(limit(within), record, question);
    case 'residency':
      return residency(regions ?? [], record, question);
  }
}

const lastPoint = ({ points: all }: Backup): string => `/predicate/points/${all.length - 1}`;
const place = ({ location }: PointOfBackup): string =>
  `${location.vault} (${location.region}, account ${location.accountId})`;

/** The part of the period that the evidence covers; null when it covers nothing of it. */
export function covered(record: PromiseRecord, { from, to }: Pick<Question, 'from' | 'to'>) {
  if (record.from === null || record.to === null || record.to < from || record.from > to) return null;
  return { from: Math.max(from, record.from), to: Math.min(to, record.to) };
}

function backedUp(one: OfResource, every: number, record: PromiseRecord, question: Question): Finding {
  const times = one.backups.map(({ slot, key }) => ({ slot, key }));
  const subject = `${one.name} was backed up`;
  const uncovered = one.ends.get('not-covered');
  if (uncovered !== undefined && one.ends.size === 1)
    return broken(`${one.name} exists, and the policy neither protects nor excludes it`, [
      { key: uncovered, says: 'its population' },
    ]);
  return inEvery(subject, 'no backup is recorded', one, times, every + CLOCK_CHANGE_MS, record, question);
}

function recovered(one: OfResource, within: number, record: PromiseRecord, question: Question): Finding {
  const times = one.recoveries.filter(({ passed }) => passed);
  return inEvery(
    `a drill of ${one.name} passed`,
    'no drill passed',
    one,
    times,
    within + CLOCK_CHANGE_MS,
    record,
    question,
  );
}

/** Something must happen again and again; what the evidence does not reach is never taken for kept, and never for broken. */
function inEvery(
  subject: string,
  nothing: string,
  { name, first, last: lastNamed }: OfResource,
  times: readonly { readonly slot: number; readonly key: string }[],
  longest: number,
  record: PromiseRecord,
  { from, to }: Question,
): Finding {
  const seen = covered(record, { from, to });
  if (seen === null) return open(`${name}: the evidence does not reach into the period`);
  const begin = Math.max(seen.from, first);
  // A resource that is gone needs no backup any more; one that still exists would be in the inventory of each night.
  const end = lastNamed < seen.to - longest ? lastNamed : seen.to;
  const inOrder = [...times].sort((a, b) => a.slot - b.slot);
  const before = inOrder.findLast(({ slot }) => slot <= begin);
  const during = inOrder.filter(({ slot }) => slot > begin && slot <= end);
  // What lies before the evidence is unknown: the clock starts with the evidence itself, or with the last time before.
  let last = before?.slot ?? begin;
  for (const { slot } of [...during, { slot: end }]) {
    if (slot - last > longest)
      return broken(
        `${name}: ${nothing} from ${at(last)} to ${at(slot)}, ${howLong((slot - last) / 1000)} with an unbroken chain of seals`,
        inOrder
          .filter(({ slot: when_ }) => when_ === last || when_ === slot)
          .map(({ key }) => ({ key, says: 'before or after the gap' })),
      );
    last = slot;
  }
  const known = [...(before === undefined ? [] : [before]), ...during];
  if (known.length === 0)
    return end - begin > longest
      ? broken(`${name}: ${nothing} in the whole period`)
      : open(`${name}: ${nothing}, and the evidence is shorter than the promise allows to wait`);
  if (seen.from - from > longest)
    return open(`${name}: the evidence begins at ${at(seen.from)}, after the period does`);
  if (to - seen.to > longest)
    return open(`${name}: the evidence ends at ${at(seen.to)}, before the period does`);
  const shown = known.map(({ key, slot }) => ({ key, says: `${subject} in the slot ${at(slot)}` }));
  return kept(
    `${subject} ${some(known.length, 'time')}, never more than ${howLong(longest / 1000)} apart`,
    shown,
  );
}

type Problem = string | { readonly unknown: string } | null;

/** Every backup of the period is looked at; none at all proves nothing. */
function backups(
  { resources, from, to }: Question,
  what: string,
  problemOf: (backup: Backup) => Problem,
  partOf?: (backup: Backup) => string,
): Finding[] {
  return resources.map(({ name, backups: all }) => {
    const inPeriod = all.filter(({ slot }) => slot >= from && slot <= to);
    if (inPeriod.length === 0) return open(`${name}: no backup is recorded in the period`);
    const looked = inPeriod.map((backup) => ({ backup, problem: problemOf(backup) }));
    const wrong = looked.filter(({ problem }) => typeof problem === 'string');
    const unknown = looked.filter(({ problem }) => problem !== null && typeof problem !== 'string');
    const say = (list: typeof looked): Shown[] =>
      list.map(({ backup, problem }) => ({
        key: backup.key,
        ...(partOf === undefined ? {} : { part: partOf(backup) }),
        says: problem === null ? what : typeof problem === 'string' ? problem : problem.unknown,
      }));
    if (wrong.length > 0)
      return broken(
        `${name}: ${count(wrong.length)} of ${some(inPeriod.length, 'backup')}: ${say(wrong)[0]?.says ?? ''}`,
        say(wrong),
      );
    if (unknown.length > 0)
      return open(
        `${name}: ${count(unknown.length)} of ${some(inPeriod.length, 'backup')}: ${say(unknown)[0]?.says ?? ''}`,
      );
    return kept(`${name}: each of ${some(inPeriod.length, 'backup')} ${what}`, say(looked));
  });
}

function points(
  question: Question,
  what: string,
  problemOf: (point: PointOfBackup) => string | null,
): Finding[] {
  return backups(
    question,
    what,
    ({ points: all }) => all.map(problemOf).find((problem) => problem !== null) ?? null,
  );
}

/** Only an immutable lock makes a date that was read back a promise: everything else can be deleted before. */
function keptLong({ points: all }: Backup, atLeast: number): Problem {
  const last = all.at(-1);
  if (last === undefined) return 'there is no point';
  const { createdAt, deleteAt, lock } = last;
  if (deleteAt !== null && Date.parse(deleteAt) - Date.parse(createdAt) < atLeast)
    return `it is kept for ${howLong((Date.parse(deleteAt) - Date.parse(createdAt)) / 1000)} only`;
  return lock.state === 'immutable'
    ? null
    : { unknown: `it can be deleted before: the lock is ${lock.state}` };
}

function removed(within: number, record: PromiseRecord, question: Question): Finding[] {
  const seen = covered(record, question);
  if (seen === null) return [open('the evidence does not reach into the period')];
  const looks = record.retention.filter(({ fact }) => inside(Date.parse(fact.awsNow), seen));
  if (looks.length === 0) return [open('no statement looks for points that are past their date')];
  const gone = new Set<string>();
  for (const { fact } of record.retention)
    for (const vault of fact.vaults) for (const { arn } of vault.provenGone) gone.add(arn);
  const findings: Finding[] = [];
  for (const { name, backups: all } of question.resources) {
    const everyPoint = all.flatMap(({ key, points: list }) => list.map((point) => ({ key, point })));
    const tooLong = everyPoint.filter(
      ({ point: { deleteAt, createdAt } }) =>
        deleteAt === null || Date.parse(deleteAt) - Date.parse(createdAt) > within,
    );
    const [bad] = tooLong;
    if (bad !== undefined)
      findings.push(
        broken(
          `${name}: ${count(tooLong.length)} points ${bad.point.deleteAt === null ? 'never expire' : 'are kept for longer'}, the first ${bad.point.arn}`,
          tooLong.map(({ key, point }) => ({ key, says: `${point.arn} until ${point.deleteAt ?? 'ever'}` })),
        ),
      );
    // A look a day after the date must have seen it gone; what expired since the last look is not due to be proven yet.
    const lastLook = Math.max(...looks.map(({ fact }) => Date.parse(fact.awsNow)));
    const due = everyPoint.filter(({ point: { createdAt } }) =>
      inside(Date.parse(createdAt) + within, { from: seen.from, to: lastLook }),
    );
    const unproven = due.filter(({ point }) => !gone.has(point.arn));
    const [first] = unproven;
    if (first !== undefined)
      findings.push(
        open(
          `${name}: ${count(unproven.length)} of ${some(due.length, 'point')} that had to be gone by now are not proven gone, the first ${first.point.arn}`,
        ),
      );
  }
  for (const { key, fact } of looks)
    for (const { location, lingering, withoutExpiry } of fact.vaults) {
      const [late] = lingering;
      if (late !== undefined)
        findings.push(
          broken(`${late.arn} was due at ${late.dueAt} and still there at ${fact.awsNow}`, [
            { key, says: late.status },
          ]),
        );
      const [never] = withoutExpiry;
      if (never !== undefined)
        findings.push(
          broken(`${never} in ${location.vault} would never expire`, [{ key, says: 'without expiry' }]),
        );
    }
  if (findings.length > 0) return findings;
  const proven = looks.reduce(
    (sum, { fact }) => sum + fact.vaults.reduce((n, vault) => n + vault.provenGone.length, 0),
    0,
  );
  return [
    kept(
      `every look found what was past its date gone (${some(proven, 'point')} in ${some(looks.length, 'look')}), and every point expires in time`,
      looks.map(({ key, fact }) => ({ key, says: `looked at ${fact.awsNow}` })),
    ),
  ];
}

const inside = (ms: number, { from, to }: { from: number; to: number }): boolean => ms >= from && ms <= to;

function enough(one: OfResource, needed: number, record: PromiseRecord, question: Question): Finding {
  const seen = covered(record, question);
  if (seen === null) return open(`${one.name}: the evidence does not reach into the period`);
  const gone = new Set(
    record.retention.flatMap(({ fact }) =>
      fact.vaults.flatMap(({ provenGone }) => provenGone.map(({ arn }) => arn)),
    ),
  );
  const live = one.backups.flatMap(({ key, points: all }) => {
    const point = all.at(-1);
    if (point === undefined || gone.has(point.arn) || Date.parse(point.createdAt) > seen.to) return [];
    return point.deleteAt === null || Date.parse(point.deleteAt) > seen.to ? [{ key, says: point.arn }] : [];
  });
  if (live.length >= needed)
    return kept(`${one.name}: ${some(live.length, 'point')} at ${at(seen.to)}`, live);
  return record.fromTheFirst
    ? broken(`${one.name}: only ${some(live.length, 'point')} at ${at(seen.to)}`, live)
    : open(
        `${one.name}: the evidence knows of ${some(live.length, 'point')} at ${at(seen.to)}, and does not begin with the first seal`,
      );
}

function measured(
  { resources, from, to }: Question,
  what: string,
  atMost: number,
  valueOf: (recovery: OfResource['recoveries'][number]) => number | null,
): Finding[] {
  return resources.map(({ name, recoveries }) => {
    const drills = recoveries.filter(({ slot, passed }) => passed && slot >= from && slot <= to);
    if (drills.length === 0) return open(`${name}: no drill that passed is recorded in the period`);
    const say = (list: typeof drills): Shown[] =>
      list.map((one) => ({
        key: one.key,
        says: `${what} ${howLong(valueOf(one) ?? 0)} in the slot ${at(one.slot)}`,
      }));
    const late = drills.filter((one) => (valueOf(one) ?? 0) * 1000 > atMost);
    const without = drills.filter((one) => valueOf(one) === null);
    if (late.length > 0)
      return broken(
        `${name}: ${count(late.length)} of ${some(drills.length, 'drill')} took longer`,
        say(late),
      );
    if (without.length > 0)
      return open(`${name}: ${count(without.length)} of ${some(drills.length, 'drill')} measured no ${what}`);
    return kept(
      `${name}: at most ${howLong(Math.max(...drills.map((one) => valueOf(one) ?? 0)))} in ${some(drills.length, 'drill')}`,
      say(drills),
    );
  });
}

function access(within: number, record: PromiseRecord, question: Question): Finding[] {
  const seen = covered(record, question);
  if (seen === null) return [open('the evidence does not reach into the period')];
  const names = new Set(question.resources.map(({ name }) => name));
  const given = [...record.access.values()]
    .flatMap(({ givenAt, ...rest }) => (givenAt === null ? [] : { ...rest, givenAt }))
    .filter(
      (one) => names.has(one.resource) && one.givenAt <= seen.to && (one.endedAt ?? Infinity) >= seen.from,
    );
  if (given.length === 0)
    return [kept('no access to restored data is recorded, and the chain of seals is unbroken', [])];
  return given.map(({ request, givenAt, endedAt, keys }) => {
    const lasted = (endedAt ?? seen.to) - givenAt;
    const shown = keys.map((key) => ({ key, says: `request ${request}` }));
    if (lasted > within + WRITING_MS)
      return broken(
        `request ${request}: access lasted ${endedAt === null ? 'at least ' : ''}${howLong(lasted / 1000)}`,
        shown,
      );
    return endedAt === null
      ? open(`request ${request}: access began at ${at(givenAt)} and has no end on record yet`)
      : kept(`request ${request}: access ended after ${howLong(lasted / 1000)}`, shown);
  });
}

function residency(
  regions: readonly string[],
  record: PromiseRecord,
  { resources, from, to }: Question,
): Finding[] {
  return resources.map(({ name, backups: all, recoveries }) => {
    const seen = [
      ...all
        .filter(({ slot }) => slot >= from && slot <= to)
        .map(({ key, points: list }) => ({ key, at: list.map(({ location }) => location.region) })),
      ...recoveries
        .filter(({ slot }) => slot >= from && slot <= to)
        .map(({ key, regions: where }) => ({ key, at: where })),
      ...record.restores
        .filter(({ resource }) => resource === name)
        .map(({ key, regions: where }) => ({ key, at: where })),
    ];
    if (seen.length === 0) return open(`${name}: nothing says where its data was`);
    const outside = seen.flatMap(({ key, at: where }) =>
      where.filter((region) => !regions.includes(region)).map((region) => ({ key, says: region })),
    );
    return outside.length > 0
      ? broken(`${name}: data was in ${[...new Set(outside.map(({ says }) => says))].join(', ')}`, outside)
      : kept(
          `${name}: data only in ${[...new Set(seen.flatMap(({ at: where }) => where))].join(', ')}`,
          seen.map(({ key, at: where }) => ({ key, says: where.join(', ') })),
        );
  });
}
