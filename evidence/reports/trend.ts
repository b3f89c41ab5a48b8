import { howLong } from '../../domain/words.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';

export interface TrendPoint {
  readonly at: string;
  /** Seconds; null where nothing was measured, which leaves a gap in the line. */
  readonly value: number | null;
}

const WIDTH = 760;
const HEIGHT = 170;
const LEFT = 80;
const RIGHT = 12;
const TOP = 14;
const BOTTOM = 26;

/** One measured length over time, with its objective as a dashed line. */
export function trendOf(label: string, points: readonly TrendPoint[], target: number | null): Html {
  const measured = points.flatMap(({ value }) => value ?? []);
  if (measured.length === 0) return html`<p class="none">${label}: nothing was measured.</p>`;
  const most = Math.max(...measured);
  // An objective far above everything measured would press the line to the floor; it is then said in words only.
  const shown = target !== null && target <= most * 20;
  const top = Math.max(most, shown ? target : 0) * 1.08 || 1;
  const x = (n: number): number => LEFT + (n / Math.max(points.length - 1, 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const lines: string[] = [];
  let line = '';
  points.forEach(({ value }, n) => {
    if (value === null) {
      if (line !== '') lines.push(line);
      line = '';
    } else line += `${line === '' ? 'M' : 'L'}${x(n).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  if (line !== '') lines.push(line);
  const marked = points.length <= 62;
  const floor = HEIGHT - BOTTOM;
  const objective = target === null ? 'no objective' : `objective ${howLong(target)}`;
  return html`<svg
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    role="img"
    aria-label="${label}: ${measured.length} measurements, worst ${howLong(most)}, ${objective}"
  >
    <text x="${LEFT}" y="10">
      ${label}${target !== null && !shown && ` (objective ${howLong(target)}, far above this scale)`}
    </text>
    ${[0, most].map(
      (value) =>
        html`<line
            class="line"
            x1="${LEFT}"
            x2="${WIDTH - RIGHT}"
            y1="${y(value).toFixed(1)}"
            y2="${y(value).toFixed(1)}"
          />
          <text class="soft" x="${LEFT - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">
            ${howLong(value)}
          </text>`,
    )}
    ${
      shown &&
      html`<line
          class="target"
          x1="${LEFT}"
          x2="${WIDTH - RIGHT}"
          y1="${y(target).toFixed(1)}"
          y2="${y(target).toFixed(1)}"
        />
        <text class="soft" x="${WIDTH - RIGHT}" y="${(y(target) - 4).toFixed(1)}" text-anchor="end">
          objective ${howLong(target)}
        </text>`
    }
    ${lines.map((d) => html`<path class="trend" d="${d}" />`)}
    ${
      marked &&
      points.map(
        ({ at, value }, n) =>
          value !== null &&
          html`<circle class="bar" cx="${x(n).toFixed(1)}" cy="${y(value).toFixed(1)}" r="2.4">
            <title>${at.slice(0, 16).replace('T', ' ')}: ${howLong(value)}</title>
          </circle>`,
      )
    }
    <text class="soft" x="${LEFT}" y="${floor + 18}">${points[0]?.at.slice(0, 10) ?? ''}</text>
    <text class="soft" x="${WIDTH - RIGHT}" y="${floor + 18}" text-anchor="end">
      ${points.at(-1)?.at.slice(0, 10) ?? ''}
    </text>
  </svg>`;
}
