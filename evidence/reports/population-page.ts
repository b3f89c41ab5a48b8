import { count, some, when } from '../../domain/words.ts';
import { heatMapOf, legendOf } from './heat-map.ts';
import { codeOf, html, pageOf, tableOf } from './html.ts';
import { basisSection, figure, listOf, mark, periodText, section } from './parts.ts';
import { axisOf, ENDS } from './population.ts';
import type { Look } from './heat-map.ts';
import type { Html } from './html.ts';
import type { End, PopulationReport, ResourceRow, Run } from './population.ts';

/** Stretches that are written out; all cells are in the CSV. */
const SHOWN_RUNS = 5000;
const SHOWN_SLOTS = 400;

export const END_LOOKS: readonly (readonly [Look, End, string])[] = [
  ['good', 'passed', 'passed: restored, checked, proven'],
  ['bad', 'failed', 'failed: something is wrong'],
  ['open', 'inconclusive', 'inconclusive: it is not known'],
  ['gone', 'missed', 'missed: it was due and did not happen'],
  ['bare', 'not-covered', 'not covered: nobody decided about it'],
  ['out', 'excluded', 'excluded: left out on purpose, with a reason'],
];
const LOOK_OF = new Map(END_LOOKS.map(([look, end]) => [end, look]));

/** The population as one page: what became of every resource in every slot, and what nobody looked at. */
export function populationPage(report: PopulationReport): string {
  const { slots, resources, period, counts, cells, silence, basis } = report;
  const good = counts['passed'] ?? 0;
  const left = counts['excluded'] ?? 0;
  return pageOf(
    `Population of backups and drills, ${periodText(period)}`,
    html`<header>
        <h1>Population: every resource, every slot</h1>
        <p class="lead">${periodText(period)}</p>
      </header>
      <div class="figures">
        ${figure(count(resources.length), 'resources')} ${figure(count(slots.length), 'slots')}
        ${figure(`${count(good)} of ${count(cells - left)}`, 'cells passed, of those that are not excluded')}
        ${figure(count(cells - left - good), 'cells that did not pass, each with its reason below')}
      </div>
      ${section('At a glance', glance(report))} ${section('What was not tested', notTested(report))}
      ${section('Fresh until', freshUntil(report))} ${section('Resources', resourceTable(resources))}
      ${section('Every cell with its reason', runs(report))}
      ${section('Slots, and how their counts reconcile', slotTable(report))}
      ${section('Silence', silent(silence))} ${basisSection(basis)}`,
  );
}

function glance(report: PopulationReport): Html {
  const { slots, resources } = report;
  const axis = axisOf(report);
  const rows = resources.map(({ policy, resource, runs: all }) => ({
    name: resource,
    stretches: [
      ...all.flatMap((run) =>
        axis.parts(run.first, run.last).map((part) => ({
          look: LOOK_OF.get(run.end) ?? ('void' as const),
          ...part,
          title: `${resource}, ${spanOf(slots, run)}: ${run.end}${run.reason === '' ? '' : `, ${run.reason}`}`,
        })),
      ),
      ...axis.silent
        .filter((one) => one.policy === policy)
        .map(({ first, last }) => ({ look: 'void' as const, first, last, title: 'no night was sealed' })),
    ],
  }));
  const legend = END_LOOKS.map(([look, , text]) => [look, text] as const);
  return html`${legendOf([...legend, ['void', 'silence: no night was sealed']])}
  ${heatMapOf('Resources by slot', axis.columns, rows)}`;
}

function spanOf(slots: PopulationReport['slots'], { first, last }: Run): string {
  const from = whenOf(slots[first]);
  const to = whenOf(slots[last]);
  return first === last ? from : `${from} to ${to}`;
}

function notTested({ resources, silence, unsealed, slots }: PopulationReport): Html {
  const never = resources.filter(({ lastPassed }) => lastPassed === null);
  const missing = silence.reduce((sum, one) => sum + one.slots, 0);
  const blind = slots.filter(({ inventory }) => !inventory).length;
  const items = [
    ...(missing > 0
      ? [`${some(missing, 'slot')} in which a night was due and none was sealed (see Silence).`]
      : []),
    ...(blind > 0
      ? [
          `What else exists: in ${some(blind, 'slot')} the inventory could not be read, so that resources may be missing here.`,
        ]
      : []),
    ...unsealed.map(
      ({ policy, slot, resource }) =>
        `${resource} in the night ${when(slot)} of ${policy}, which was never sealed.`,
    ),
    ...never.slice(0, 100).map(({ resource, arn, runs: all }) => {
      const last = all.at(-1);
      return `${resource} (${arn}): never passed in this period. Last: ${last?.end ?? 'nothing'}${last === undefined || last.reason === '' ? '' : `, ${last.reason.replace(/\.$/, '')}`}.`;
    }),
    ...(never.length > 100 ? [`and ${count(never.length - 100)} more resources that never passed.`] : []),
  ];
  return items.length === 0
    ? html`<p>Every resource passed at least once, and no slot is missing.</p>`
    : listOf(items);
}

function freshUntil({ nextDue }: PopulationReport): Html {
  if (nextDue.length === 0)
    return html`<p class="none">
      Not recorded: no statement says how long a verdict holds, and there are too few slots to tell when the
      next one is due.
    </p>`;
  return listOf(
    nextDue.map(
      ({ policy, at }) =>
        `Policy ${policy}: the next slot is due on ${when(at)}, going by the usual distance of its slots. Until then the last verdicts are the newest there can be; no statement says that they hold longer.`,
    ),
  );
}

function resourceTable(resources: readonly ResourceRow[]): Html {
  const ends = ENDS.filter((end) => resources.some(({ counts }) => (counts[end] ?? 0) > 0));
  return tableOf(
    'Slots of each resource by how they ended',
    ['Resource', ...ends, 'last passed'],
    resources.map(({ resource, arn, counts, lastPassed }) => [
      html`<span title="${arn}">${resource}</span>`,
      ...ends.map((end) => count(counts[end] ?? 0)),
      lastPassed === null ? mark('never', 'failed') : when(lastPassed),
    ]),
  );
}

function runs({ slots, resources }: PopulationReport): Html {
  const all = resources.flatMap((row) => row.runs.map((run) => ({ row, run })));
  const shown = all.slice(0, SHOWN_RUNS);
  return html`<p>
      Slots one after the other with the same end and the same reason are one line.
      ${
        all.length > shown.length &&
        html`<strong
          >Shown are ${count(shown.length)} of ${count(all.length)} lines; all of them are in the CSV and the
          JSON of this report.</strong
        >`
      }
    </p>
    ${tableOf(
      'From the first to the last slot of each stretch',
      ['Resource', 'End', 'Slots', 'From (UTC)', 'To (UTC)', 'Reason'],
      shown.map(({ row, run }) => [
        row.resource,
        mark(run.end),
        count(run.last - run.first + 1),
        shortly(slots[run.first]),
        shortly(slots[run.last]),
        run.reason === ''
          ? run.end === 'passed'
            ? 'every required check passed'
            : 'none given'
          : run.reason,
      ]),
    )}`;
}

function slotTable({ slots, counts, cells }: PopulationReport): Html {
  const wrong = slots.filter(({ listed, counted }) => listed !== counted);
  const shown = slots.length > SHOWN_SLOTS ? slots.slice(-SHOWN_SLOTS) : slots;
  return html`<p>
      ${
        wrong.length === 0
          ? mark(`The counts of all ${count(slots.length)} seals are those of their rows.`, 'passed')
          : mark(`${some(wrong.length, 'seal')} with counts that are not those of the rows.`, 'failed')
      }
      ${count(cells)} cells:
      ${ENDS.filter((end) => counts[end] !== undefined)
        .map((end) => `${count(counts[end] ?? 0)} ${end}`)
        .join(', ')}.
    </p>
    ${slots.length > shown.length && html`<p>Shown are the last ${count(shown.length)} slots.</p>`}
    ${tableOf(
      'A row is a resource that the policy names, one that it excludes, or one that the inventory found',
      ['Slot (UTC)', 'Verdict', 'Seal', 'Sealed (UTC)', 'Rows', 'Counted again', 'Inventory'],
      shown.map(({ slot, verdict, seal, sealedAt, listed, counted, inventory }) => [
        shortly({ slot }),
        mark(verdict),
        count(seal),
        shortly({ slot: sealedAt }),
        count(listed),
        listed === counted ? count(counted) : mark(count(counted), 'failed'),
        inventory ? 'read' : mark('could not be read', 'inconclusive'),
      ]),
    )}`;
}

function silent(silence: PopulationReport['silence']): Html {
  return tableOf(
    'Longer than usual between two nights. That a night was due is concluded from the usual distance; no statement says it',
    ['Policy', 'After', 'Until', 'Slots missing'],
    silence.map(({ policy, after, before, slots }) => [
      html`${codeOf(policy)}`,
      when(after),
      before === null ? 'the end of the period' : when(before),
      mark(count(slots), 'missed'),
    ]),
  );
}

/** `2026-11-21 02:30`: two of them fit beside a reason on paper. */
function shortly(column: { readonly slot: string } | undefined): Html {
  return html`<span class="time">${column === undefined ? '?' : when(column.slot).slice(0, 16)}</span>`;
}

function whenOf(column: PopulationReport['slots'][number] | undefined): string {
  return column === undefined ? '?' : when(column.slot);
}
