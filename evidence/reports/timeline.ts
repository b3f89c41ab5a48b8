import { howLong } from '../../domain/words.ts';
import { html } from './html.ts';
import type { Timing } from '../../domain/facts.ts';
import type { Html } from './html.ts';

const ROW = 24;
const LABELS = 150;
const WIDTH = 760;
const LENGTHS = 80;

/** Steps as bars over one axis of time. The table below it says the same in numbers. */
export function timelineOf(timings: readonly Timing[]): Html {
  const starts = timings.map(({ startedAt }) => Date.parse(startedAt));
  const begin = Math.min(...starts);
  const end = Math.max(...timings.map(({ startedAt, seconds }) => Date.parse(startedAt) + seconds * 1000));
  if (timings.length === 0 || !Number.isFinite(begin))
    return html`<p class="none">No timeline: no step was reached.</p>`;
  const scale = (WIDTH - LABELS - LENGTHS) / Math.max(end - begin, 1);
  const height = timings.length * ROW + ROW;
  const bars = timings.map(({ step, startedAt, seconds }, at) => {
    const x = LABELS + (Date.parse(startedAt) - begin) * scale;
    const width = Math.max(seconds * 1000 * scale, 2);
    const y = at * ROW;
    return html`<text x="0" y="${y + 16}">${step}</text>
      <line class="line" x1="${LABELS}" x2="${WIDTH - LENGTHS}" y1="${y + ROW}" y2="${y + ROW}" />
      <rect
        class="bar"
        x="${x.toFixed(1)}"
        y="${y + 5}"
        width="${width.toFixed(1)}"
        height="${ROW - 10}"
        rx="2"
      />
      <text class="soft" x="${(x + width + 6).toFixed(1)}" y="${y + 16}">${howLong(seconds)}</text> `;
  });
  const total = howLong((end - begin) / 1000);
  return html`<svg
    viewBox="0 0 ${WIDTH} ${height}"
    role="img"
    aria-label="Timeline of ${timings.length} steps over ${total}"
  >
    ${bars}
    <text class="soft" x="${LABELS}" y="${height - 6}">0</text>
    <text class="soft" x="${WIDTH - LENGTHS}" y="${height - 6}" text-anchor="end">${total}</text>
  </svg>`;
}
