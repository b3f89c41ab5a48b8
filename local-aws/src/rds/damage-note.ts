import type { Difference } from '../pg/index.ts';
import type { Place, Platform } from '../platform.ts';

const SHOWN = 5;

/** Bit rot that was read and passed on: no answer of AWS tells of it, so the events do. */
export function noteDamage(
  platform: Platform,
  place: Place,
  what: string,
  differences: readonly Difference[],
): void {
  if (differences.length === 0) return;
  const first = JSON.stringify(differences.slice(0, SHOWN));
  const detail = `${what} from bytes that differ from what was stored in ${differences.length} files: ${first}`;
  const { accountId, region } = place;
  platform.events.record({ kind: 'damage', service: 'rds', accountId, region, detail });
  platform.log.warn({ accountId, region, differences: differences.length }, 'passed on damaged data');
}
