import { count } from '../../domain/words.ts';
import { codeOf, html, pageOf, tableOf } from './html.ts';
import { basisSection, figure, listOf, mark, periodText, section } from './parts.ts';
import type { Answer, Finding } from '../promises/predicates.ts';
import type { PredicateAnswer, PromiseAnswer, PromiseReport } from '../promises/report.ts';
import type { Html } from './html.ts';

/** Findings that are written out per predicate; all of them are in the JSON and the CSV. */
const SHOWN = 40;
const ORDER: readonly Answer[] = ['broken', 'not provable', 'kept'];

/** What was promised, and what the evidence of a period says about it. */
export function promisesPage({ title, period, basis, promises }: PromiseReport): string {
  const number = (answer: Answer): string => count(promises.filter((one) => one.answer === answer).length);
  return pageOf(
    `${title}, ${periodText(period)}`,
    html`<header>
        <h1>${title}</h1>
        <p class="lead">${periodText(period)}</p>
      </header>
      <div class="figures">
        ${figure(number('kept'), 'kept: shown by statements')}
        ${figure(number('broken'), 'broken: shown by statements')}
        ${figure(number('not provable'), 'not provable: the evidence does not say')}
      </div>
      ${section(
        'Overview',
        tableOf(
          'A promise is kept when all of its parts are; what evidence does not cover is never called kept',
          ['Promise', 'What is said', 'Answer'],
          promises.map(({ name, says, answer }) => [name, says, mark(answer)]),
        ),
      )}
      ${section('What could not be proven', notProven(promises))} ${promises.map(promiseSection)}
      ${basisSection(basis)}`,
  );
}

function notProven(promises: readonly PromiseAnswer[]): Html {
  const items = promises.flatMap(({ name, predicates, leftOut }) => [
    ...predicates
      .filter(({ answer }) => answer === 'not provable')
      .map(({ predicate, findings }) => {
        const why = findings.find(({ answer }) => answer === 'not provable')?.because ?? '';
        return `${name}, ${predicate}: ${why}.`;
      }),
    ...(leftOut.length > 0
      ? [`${name}: the policy leaves out ${leftOut.join(', ')}; the promise was not asked about them.`]
      : []),
  ]);
  return items.length === 0 ? html`<p>Everything that was promised could be decided.</p>` : listOf(items);
}

function promiseSection({ name, says, answer, predicates }: PromiseAnswer): Html {
  return section(
    `${name}: ${answer}`,
    html`<p class="lead">“${says}”</p>
      ${predicates.map(predicateTable)}`,
  );
}

function predicateTable({ predicate, answer, findings }: PredicateAnswer): Html {
  const sorted = [...findings].sort((a, b) => ORDER.indexOf(a.answer) - ORDER.indexOf(b.answer));
  const shown = sorted.slice(0, SHOWN);
  return html`<h3>${predicate}: ${mark(answer)}</h3>
    ${tableOf(
      `${count(findings.length)} findings${findings.length > shown.length ? `, ${count(shown.length)} shown` : ''}`,
      ['Answer', 'Because', 'Statements that show it'],
      shown.map((finding) => [mark(finding.answer), finding.because, shownBy(finding)]),
    )}`;
}

/** Where it is said: the statement, and which part of it. */
const placeOf = ({ key, part }: Finding['shownBy'][number]): string =>
  part === undefined ? key : `${key}#${part}`;

function shownBy({ shownBy: all, of }: Finding): Html {
  if (all.length === 0) return html`<span class="none">none</span>`;
  return html`${all.slice(0, 2).map((one) => html`<div>${codeOf(placeOf(one))}</div>`)}${of > 2 && html`<div class="none">and ${count(of - 2)} more</div>`}`;
}
