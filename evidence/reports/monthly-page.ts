import { count, howLong, some, when, wholeLength } from '../../domain/words.ts';
import { axisOf } from './population.ts';
import { heatMapOf, legendOf } from './heat-map.ts';
import { codeOf, factsOf, html, pageOf, tableOf } from './html.ts';
import { exposureOf } from './monthly.ts';
import { basisSection, figure, listOf, mark, notRecorded, periodText, section } from './parts.ts';
import { trendOf } from './trend.ts';
import type { Look, Stretch } from './heat-map.ts';
import type { Html } from './html.ts';
import type { MonthlyReport } from './monthly.ts';

const SHOWN = 100;
const DAY_MS = 86_400_000;

/** A month on two or three pages, for people who decide and do not read statements. */
export function monthlyPage(report: MonthlyReport): string {
  const { period, population, nights, objectives, basis } = report;
  const good = population.counts['passed'] ?? 0;
  const due = population.cells - (population.counts['excluded'] ?? 0);
  const share = due === 0 ? 0 : Math.floor((good / due) * 1000) / 10;
  const worst = (values: readonly (number | null)[]): string => {
    const known = values.flatMap((value) => value ?? []);
    return known.length === 0 ? 'not measured' : howLong(known.reduce((a, b) => Math.max(a, b)));
  };
  const target = (seconds: number | null): string =>
    seconds === null ? ', no objective recorded' : `, objective ${wholeLength(seconds)}`;
  return pageOf(
    `Backups and recovery, ${periodText(period)}`,
    html`<header>
        <h1>Backups and recovery</h1>
        <p class="lead">${periodText(period)}</p>
        <p>${conclusion(report)}</p>
      </header>
      <div class="figures">
        ${figure(`${share.toFixed(1)} %`, `passed: ${count(good)} of ${some(due, 'slot')} of resources that are not excluded`)}
        ${figure(count(report.drills), 'copies restored and checked')}
        ${figure(worst(nights.map(({ worstRto }) => worstRto)), `worst recovery time${target(objectives.rtoSeconds)}`)}
        ${figure(worst(nights.map(({ worstRpo }) => worstRpo)), `worst age of data${target(objectives.rpoSeconds)}`)}
      </div>
      ${section('What did not pass', failures(report))} ${section('What was not tested', notTested(report))}
      ${section(
        'Recovery time and recovery point',
        html`${trendOf(
          'Recovery time, the worst of each night',
          nights.map(({ slot, worstRto }) => ({ at: slot, value: worstRto })),
          objectives.rtoSeconds,
        )}
        ${trendOf(
          'Age of the newest data, the worst of each night',
          nights.map(({ slot, worstRpo }) => ({ at: slot, value: worstRpo })),
          objectives.rpoSeconds,
        )}`,
      )}
      ${section('Exposure: how old the last verified copy was', exposure(report))}
      ${section('Fresh until', freshUntil(report))}
      ${section(
        'The rest of the month',
        factsOf([
          ['Restores by request', count(report.restores)],
          [
            'Spoilt on purpose, to watch the checks',
            report.knownBad.drills === 0
              ? notRecorded('no drill of this period was spoilt on purpose')
              : report.knownBad.notCaught.length === 0
                ? mark(`all ${count(report.knownBad.drills)} were caught`, 'passed')
                : html`${mark(`${count(report.knownBad.notCaught.length)} of ${count(report.knownBad.drills)} were NOT caught`, 'failed')}
                  ${listOf(report.knownBad.notCaught)}`,
          ],
          ['Expired points proven gone', count(report.provenGone)],
          [
            'Past their date and still there',
            report.lingering.length === 0 ? 'none' : mark(count(report.lingering.length), 'failed'),
          ],
          [
            'Irregularities in the ledger',
            report.irregularities === 0 ? 'none' : mark(count(report.irregularities), 'failed'),
          ],
          [
            'Recorded against the AWS of one computer',
            report.local === 0
              ? 'none'
              : `${some(report.local, 'statement')}: they prove nothing about a real account`,
          ],
        ]),
      )}
      ${section(
        'Alerts',
        tableOf(
          'Raised and cleared in this period',
          ['At', 'State', 'Severity', 'Subject', 'Message'],
          report.alerts
            .slice(0, SHOWN)
            .map(({ at, state, severity, subject, message }) => [
              when(at),
              state,
              severity,
              subject,
              message,
            ]),
        ),
      )}
      ${section('Waivers and sign-off', people(report))} ${basisSection(basis)}`,
  );
}

function conclusion({ population, failures: all, basis }: MonthlyReport): Html {
  if (basis.problems.length > 0) return html`${mark('The evidence itself does not hold.', 'failed')}`;
  if (population.slots.length === 0) return html`${mark('No night was sealed in this period.', 'failed')}`;
  const due = Object.entries(population.counts).filter(([end]) => end !== 'passed' && end !== 'excluded');
  const missing = population.silence.reduce((sum, { slots }) => sum + slots, 0);
  if (due.length === 0 && missing === 0)
    return html`${mark('Every resource was backed up, copied, restored and proven in every slot.', 'passed')}`;
  const parts = [
    ...due.map(([end, n]) => `${some(n, 'slot')} ${end}`),
    ...(missing > 0 ? [`${some(missing, 'night')} without any evidence`] : []),
  ];
  return html`${mark(`Not everything was proven: ${parts.join(', ')}.`, all.some(({ verdict }) => verdict === 'failed') ? 'failed' : 'inconclusive')}`;
}

function failures({ failures: all, population }: MonthlyReport): Html {
  const rows = population.resources.flatMap(({ resource, runs }) =>
    runs
      .filter(({ end }) => end !== 'passed' && end !== 'excluded')
      .map(({ end, reason, first, last }) => ({
        resource,
        end,
        reason,
        from: population.slots[first]?.slot ?? '',
        slots: last - first + 1,
      })),
  );
  const shown = rows.sort((a, b) => (a.from < b.from ? 1 : -1)).slice(0, SHOWN);
  return html`${tableOf(
    'Newest first',
    ['Resource', 'Ended', 'From', 'Slots', 'Reason'],
    shown.map(({ resource, end, reason, from, slots }) => [
      resource,
      mark(end),
      when(from),
      count(slots),
      reason === '' ? 'none given' : reason,
    ]),
  )}
  ${rows.length > shown.length && html`<p>and ${count(rows.length - shown.length)} more; the population report has all of them.</p>`}
  ${all.length > 0 && html`<p class="lead">${some(all.length, 'drill')} did not pass; <code>lifeboat report drill STATEMENT</code> has each of them.</p>`}`;
}

function notTested({ notTested: all, population }: MonthlyReport): Html {
  const silent = population.silence.map(
    ({ policy, after, before, slots }) =>
      `Policy ${policy}: ${some(slots, 'night')} after ${when(after)}${before === null ? '' : ` and before ${when(before)}`}, in which nothing was sealed.`,
  );
  const excluded = population.resources.filter(({ counts }) => counts['excluded'] !== undefined);
  const items = [
    ...silent,
    ...excluded.map(
      ({ resource, runs }) =>
        `${resource} is excluded: ${runs.find(({ end }) => end === 'excluded')?.reason ?? ''}`,
    ),
    ...all.slice(0, SHOWN).map(({ what, drills }) => `${what} (${some(drills, 'drill')})`),
  ];
  return items.length === 0 ? html`<p>Nothing that the checks cover was left out.</p>` : listOf(items);
}

const AGES: readonly (readonly [Look, string, number])[] = [
  ['good', 'verified in this slot', 0],
  ['out', 'less than two days old', 2 * DAY_MS],
  ['open', 'less than seven days old', 7 * DAY_MS],
  ['bad', 'seven days or older', Infinity],
];

function lookOf(age: number | null): Look {
  if (age === null) return 'gone';
  return AGES.find(([, , upTo]) => age < upTo || (age === 0 && upTo === 0))?.[0] ?? 'bad';
}

function exposure({ population }: MonthlyReport): Html {
  const axis = axisOf(population);
  const silent = axis.silent.map(({ first, last }): Stretch => ({
    look: 'void',
    first,
    last,
    title: 'no night was sealed',
  }));
  const rows = exposureOf(population).map(({ resource, ages }) => {
    const stretches: Stretch[] = [];
    ages.forEach((age, slot) => {
      const n = axis.parts(slot, slot)[0]?.first ?? slot;
      const look = lookOf(age);
      const last = stretches.at(-1);
      const age_ = age === null ? 'none verified before in this period' : howLong(age / 1000);
      if (last?.look === look && last.last === n - 1) stretches[stretches.length - 1] = { ...last, last: n };
      else stretches.push({ look, first: n, last: n, title: `${resource}: ${age_}` });
    });
    return { name: resource, stretches: [...stretches, ...silent] };
  });
  return html`${legendOf([
    ...AGES.map(([look, text]) => [look, text] as const),
    ['gone', 'none verified before in this period'],
    ['void', 'silence: no night was sealed'],
  ])}
  ${heatMapOf('Exposure by slot', axis.columns, rows)}`;
}

function freshUntil({ population: { nextDue } }: MonthlyReport): Html {
  return nextDue.length === 0
    ? html`<p class="none">Not recorded, and there are too few slots to tell when the next one is due.</p>`
    : listOf(
        nextDue.map(
          ({ policy, at }) =>
            `Policy ${policy}: the next slot is due on ${when(at)}, going by the usual distance. No statement says that a verdict holds longer.`,
        ),
      );
}

function people({ waivers, signOffs, drills }: MonthlyReport): Html {
  return html`<p>${some(signOffs.length, 'sign-off')} for ${some(drills, 'drill')}.</p>
    ${tableOf(
      'Sign-offs',
      ['Reviewer', 'Decision', 'On', 'Statement'],
      signOffs
        .slice(0, SHOWN)
        .map(({ fact }) => [
          fact.reviewer,
          mark(fact.decision),
          when(fact.signedAt),
          codeOf(fact.statement.key),
        ]),
    )}
    ${tableOf(
      'Waivers granted in this period',
      ['Waiver', 'Owner', 'What', 'Resource', 'Expires', 'Reason'],
      waivers
        .slice(0, SHOWN)
        .map(({ fact }) => [
          fact.waiver,
          fact.owner,
          fact.what,
          fact.resource ?? 'all',
          when(fact.expires),
          fact.reason,
        ]),
    )}`;
}
