import { html } from './html.ts';
import type { Html } from './html.ts';

/** A stretch of equal cells. `look` is a class of the page's style; form and colour differ, so that neither is needed alone. */
export interface Stretch {
  readonly look: Look;
  readonly first: number;
  readonly last: number;
  /** Said when somebody points at it. */
  readonly title: string;
}

export const LOOKS = ['good', 'bad', 'open', 'gone', 'out', 'bare', 'void'] as const;
export type Look = (typeof LOOKS)[number];

const LABELS = 150;
const WIDTH = 760;
const ROW = 14;
const TOP = 18;
/** Rows per picture: one picture fits one page of paper. */
const PER_PICTURE = 50;
const NAME = 22;

/** Where a look stands in its row, as shares of the height: what is bad is full, what is missing is hollow. */
const FORMS: Readonly<Record<Look, readonly [top: number, height: number]>> = {
  good: [0.1, 0.8],
  bad: [0, 1],
  open: [0.3, 0.5],
  gone: [0.15, 0.7],
  out: [0.45, 0.12],
  bare: [0.65, 0.25],
  void: [0.4, 0.2],
};

/**
 * Rows of resources over columns of time. Its numbers are in the tables beside it.
 * @param columns names of the first, a middle and the last column are written on top.
 */
export function heatMapOf(
  label: string,
  columns: readonly string[],
  rows: readonly { readonly name: string; readonly stretches: readonly Stretch[] }[],
): Html {
  if (rows.length === 0 || columns.length === 0) return html`<p class="none">${label}: nothing to show.</p>`;
  const pictures: Html[] = [];
  for (let at = 0; at < rows.length; at += PER_PICTURE)
    pictures.push(picture(label, columns, rows.slice(at, at + PER_PICTURE), at, rows.length));
  return html`${pictures}`;
}

function picture(
  label: string,
  columns: readonly string[],
  rows: Parameters<typeof heatMapOf>[2],
  from: number,
  all: number,
): Html {
  const cell = Math.min((WIDTH - LABELS) / columns.length, 24);
  const height = TOP + rows.length * ROW + 2;
  const part = all > rows.length ? `, rows ${from + 1} to ${from + rows.length} of ${all}` : '';
  const right = LABELS + columns.length * cell;
  const gap = cell > 4 ? 1 : 0;
  return html`<svg
    class="map"
    viewBox="0 0 ${WIDTH} ${height}"
    role="img"
    aria-label="${label}: ${rows.length} rows, ${columns.length} columns${part}"
  >
    <text class="soft" x="${LABELS}" y="12">${columns[0] ?? ''}</text>
    ${
      right - LABELS > 200 &&
      html`<text class="soft" x="${right.toFixed(1)}" y="12" text-anchor="end">${columns.at(-1) ?? ''}</text>`
    }
    ${rows.map(({ name, stretches }, at) => {
      const y = TOP + at * ROW;
      const short = name.length > NAME ? `${name.slice(0, NAME - 1)}…` : name;
      return html`<text x="0" y="${y + ROW - 3}">${short}</text>${stretches.map(
          ({ look, first, last, title }) => {
            const [top, share] = FORMS[look];
            const x = LABELS + first * cell;
            const width = Math.max((last - first + 1) * cell - gap, 0.6);
            return html`<rect
              class="${look}"
              x="${x.toFixed(1)}"
              y="${(y + top * (ROW - 2)).toFixed(1)}"
              width="${width.toFixed(1)}"
              height="${(share * (ROW - 2)).toFixed(1)}"
            >
              <title>${title}</title>
            </rect>`;
          },
        )}`;
    })}
  </svg>`;
}

/** What the forms mean, in the same forms. */
export function legendOf(meanings: readonly (readonly [Look, string])[]): Html {
  return html`<ul class="legend">
    ${meanings.map(
      ([look, text]) =>
        html`<li>
          <svg viewBox="0 0 16 12" aria-hidden="true" class="key">
            <rect
              class="${look}"
              x="1"
              width="14"
              y="${(FORMS[look][0] * 12).toFixed(1)}"
              height="${(FORMS[look][1] * 12).toFixed(1)}"
            />
          </svg>
          ${text}
        </li>`,
    )}
  </ul>`;
}
