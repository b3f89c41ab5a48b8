import type { Instant } from './units.ts';

/**
 * Deterministic names. An activity that runs twice, and a second worker, arrive at the same name and find their own work.
 */
export const TASK_QUEUE = 'lifeboat';

/** `2026-11-21T02:30:00Z`: the form of a slot everywhere. Milliseconds are cut off. */
export function slotOf(instant: Date | Instant): Instant {
  const date = typeof instant === 'string' ? new Date(instant) : instant;
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** Temporal appends the scheduled instant to a schedule's workflow id after a hyphen; runs by hand use the same form. */
export const nightIdPrefix = (policy: string): string => `night/${policy}`;
export const nightId = (policy: string, slot: Instant): string => `${nightIdPrefix(policy)}-${slot}`;
export const protectId = (resource: string, slot: Instant): string => `protect/${resource}/${slot}`;
export const drillId = (resource: string, slot: Instant): string => `drill/${resource}/${slot}`;
export const knownBadId = (policy: string, slot: Instant): string => `known-bad/${policy}/${slot}`;
export const restoreId = (request: string): string => `restore/${request}`;
export const retentionId = (policy: string, slot: Instant): string => `retention/${policy}/${slot}`;
/** @param id makes two decisions of one second two, for example eight random hex digits. */
export const decisionId = (policy: string, id: string): string => `decision/${policy}/${id}`;
export const holdId = (policy: string, hold: string, id: string): string => `hold/${policy}/${hold}/${id}`;
export const policyId = (policy: string, at: Instant): string => `policy/${policy}/${at}`;
export const sweepIdPrefix = (policy: string): string => `sweep/${policy}`;

export const nightScheduleId = (policy: string): string => `lifeboat/${policy}/night`;
export const sweepScheduleId = (policy: string): string => `lifeboat/${policy}/sweep`;

/** Prefixes of everything Lifeboat creates in the drill account; half of the proof that it may delete it. */
export const DRILL_PREFIX = 'lb-drill-';
export const RESTORE_PREFIX = 'lb-restore-';

/**
 * RDS identifier of a restored resource: ≤ 63 characters, letters, digits and single hyphens (contract §1.3).
 * @param id the id of the workflow that restores it; six hex digits of its hash keep two runs of one minute apart.
 */
export function restoredName(prefix: string, resource: string, slot: Instant, id: string): string {
  return `${prefix}${resource}-${slot.replaceAll(/\D/g, '').slice(0, 12)}-${fnv1a(id).slice(0, 6)}`.replaceAll(
    /-+/g,
    '-',
  );
}

/** Idempotency token for one step: the same on every attempt, different for every slot and hop. */
export function token(...parts: readonly string[]): string {
  const readable = parts.map((part) => part.replaceAll(/[^A-Za-z0-9-]/g, '')).join('-');
  const whole = parts.join('|');
  return `lifeboat-${readable.slice(0, 90)}-${fnv1a(whole)}${fnv1a(`${whole}|again`)}`;
}

/** FNV-1a, 32 bit, eight hex digits: names need difference, not secrecy, and workflows have no crypto. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Tags on everything in the drill account. Values are plain ASCII. */
export const TAG = {
  policy: 'lifeboat:policy',
  resource: 'lifeboat:resource',
  slot: 'lifeboat:slot',
  drill: 'lifeboat:drill-id',
  expiresAt: 'lifeboat:expires-at',
} as const;
