import { asRecord, PREDICATE_BASE } from './envelope.ts';
import type { Found } from './folder.ts';
import type { Link } from './chain.ts';

interface OpenSlot {
  readonly path: string;
  readonly policy: string;
  readonly slot: string;
  /** False for work that a person started outside of a night: it needs no row in a night. */
  readonly ofNight: boolean;
}

export interface Slots {
  /** Notes what one statement says about a slot. */
  statement(path: string, predicateType: string, predicate: Record<string, unknown>): void;
  /** Compares the population of a night with the statements so far; call it after those of the same seal. */
  night(link: Link): void;
  /** Reports the slots that were opened and that no seal speaks of. */
  close(): { slots: number; notChecked: string[] };
}

/** How long the ends of a night are remembered for statements that come late; keeps the memory for years of nights small. */
const REMEMBERED_MS = 16 * 86_400_000;

/**
 * Every slot that a statement opens must end in the population of a night, and every slot that a night calls passed must be shown
 * by a drill that passed.
 * @param openedBefore the export may lack statements older than this instant; null when it begins with the first seal.
 */
export function followSlots(found: Found, openedBefore: () => string | null): Slots {
  const open = new Map<string, OpenSlot>();
  const passed = new Set<string>();
  /** By policy and slot; `ended` is null when the night is so long ago that its ends were forgotten. */
  const nights = new Map<string, { readonly ended: Set<string> | null; readonly at: number }>();
  const remembered = new Set<string>();
  const newest = new Map<string, string>();
  const notChecked: string[] = [];
  let slots = 0;
  let tooLate = 0;
  const idOf = (policy: string, slot: string, resource: string): string =>
    JSON.stringify([policy, slot, resource]);

  function forget(now: number): void {
    for (const id of remembered) {
      const at = nights.get(id)?.at ?? 0;
      if (at >= now - REMEMBERED_MS) return;
      remembered.delete(id);
      nights.set(id, { ended: null, at });
    }
  }

  return {
    statement(path, predicateType, predicate) {
      const kind = predicateType.slice(PREDICATE_BASE.length).split('/')[0];
      if (kind !== 'drill' && kind !== 'protection') return;
      const { policy, slot, trigger, verdict } = predicate as Record<string, string>;
      const resource = asRecord(predicate['resource'], 'resource')['name'];
      if (policy === undefined || slot === undefined || typeof resource !== 'string') {
        found('malformed', path, 'it names no policy, slot or resource');
        return;
      }
      const id = idOf(policy, slot, resource);
      const night = nights.get(JSON.stringify([policy, slot]));
      if (night?.ended?.has(id) === true) return;
      if (night?.ended === null) {
        tooLate += 1;
        return;
      }
      if (kind === 'drill' && verdict === 'passed') passed.add(id);
      open.set(id, { path, policy, slot, ofNight: trigger === 'night' || night !== undefined });
    },

    night({ path, seal: { night, sealedAt, unsealed } }) {
      const { policy, slot, population, verdict } = night;
      const ended = new Set<string>();
      const rows = new Set<string>();
      for (const row of population) {
        const id = idOf(policy, row.slot, row.resource);
        const place = JSON.stringify([id, row.arn]);
        if (rows.has(place)) {
          found('listed-twice', path, `${row.resource} ends twice in the slot ${row.slot}`);
          continue;
        }
        rows.add(place);
        ended.add(id);
        open.delete(id);
        if (passed.delete(id) || row.end !== 'passed') continue;
        const since = openedBefore();
        const claim = `${row.resource} is called passed in the slot ${row.slot}`;
        if (since === null || row.slot >= since)
          found('unproven', path, `${claim}, and no sealed drill shows it`);
        else notChecked.push(`${claim}; the drill that shows it may lie in a seal before this export.`);
      }
      slots += rows.size;
      for (const { policy: of, slot: begun } of unsealed ?? []) {
        for (const [id, waiting] of open)
          if (waiting.policy === of && waiting.slot === begun) open.delete(id);
        nights.set(JSON.stringify([of, begun]), { ended: null, at: Date.parse(sealedAt) });
      }
      const ends = new Set(population.map(({ end }) => end));
      const bad = (['failed', 'inconclusive', 'missed'] as const).some((end) => ends.has(end));
      if (verdict === 'passed' && (bad || !ends.has('passed'))) {
        found('unproven', path, 'the night is called passed, and its population does not say so');
      }
      for (const [id, waiting] of open) {
        if (waiting.policy === policy && waiting.slot === slot) open.set(id, { ...waiting, ofNight: true });
      }
      nights.set(JSON.stringify([policy, slot]), { ended, at: Date.parse(sealedAt) });
      remembered.add(JSON.stringify([policy, slot]));
      forget(Date.parse(sealedAt));
      if (slot > (newest.get(policy) ?? '')) newest.set(policy, slot);
    },

    close() {
      let pending = 0;
      for (const { path, policy, slot, ofNight } of open.values()) {
        if (!ofNight) continue;
        if (slot <= (newest.get(policy) ?? ''))
          found('slot-without-end', path, `no night says how the slot ${slot} ended`);
        else pending += 1;
      }
      if (pending > 0)
        notChecked.push(
          `${pending} slots were still open when this export ends; a later seal must end them.`,
        );
      if (tooLate > 0)
        notChecked.push(
          `${tooLate} statements were sealed long after their slots and were not compared with the nights.`,
        );
      return { slots, notChecked };
    },
  };
}
