import { count, some, when } from '../../domain/words.ts';
import { codeOf, factsOf, html } from './html.ts';
import type { Html } from './html.ts';
import type { Basis } from './source.ts';

/** Pieces that all reports share. */

export function section(title: string, body: Html): Html {
  return html`<section>
    <h2>${title}</h2>
    ${body}
  </section>`;
}

export function listOf(items: readonly (string | Html)[]): Html {
  return html`<ul>
    ${items.map((item) => html`<li>${item}</li>`)}
  </ul>`;
}

/** A word in the colour of what it means; the word itself says it, too. */
export function mark(word: string, meaning: string = word): Html {
  return html`<span class="mark ${meaning.replaceAll(' ', '-')}">${word}</span>`;
}

export function figure(value: string, label: string): Html {
  return html`<div class="figure"><b>${value}</b><span>${label}</span></div>`;
}

/** What no statement says. The reason is part of it, so that nobody takes it for "no" or for "none". */
export function notRecorded(why: string): Html {
  return html`<span class="none">not recorded (${why})</span>`;
}

export function periodText({
  from,
  to,
}: {
  readonly from: string | null;
  readonly to: string | null;
}): string {
  if (from === null && to === null) return 'every night that was read';
  return `${from ?? 'the beginning'} to ${to ?? 'the newest night'}, both days included`;
}

/** What the report stands on. What does not hold comes first and loudest. */
export function basisSection(basis: Basis): Html {
  const { bucket, region, where, seals, statements, first, last, problems } = basis;
  return section(
    'What this report stands on',
    html`${
        problems.length > 0 &&
        html`<p>
            ${mark('Some of the evidence does not hold.', 'failed')} What it says was left out; the report
            proves nothing until this is explained:
          </p>
          ${listOf(problems.slice(0, 20))}${problems.length > 20 && html`<p>and ${count(problems.length - 20)} more.</p>`}`
      }
      <p>
        Rendered from signed statements and seals alone, never from the live state of anything. Their digests,
        signatures and links were checked while they were read. To check them without trusting this page:
        <code>lifeboat evidence export --out DIR</code>, then <code>node DIR/verify.mjs --key KEY.pem</code>.
      </p>
      ${factsOf([
        ['Ledger', html`${codeOf(bucket)}, ${region}; read from ${where}`],
        ['Read', `${some(seals, 'seal')}, ${some(statements, 'statement')}`],
        [
          'First and last seal',
          first === null || last === null
            ? 'none'
            : html`${count(first.sequence)} (opened ${when(first.openedAt)}) to ${count(last.sequence)}
              (sealed ${when(last.sealedAt)}), SHA-256 ${codeOf(last.sha256)}`,
        ],
      ])}`,
  );
}
