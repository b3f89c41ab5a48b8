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
  /** Reports the slots that were opened and never ended. */
  close(): { slots: number; notChecked: string[] };
}

/**
 * Every slot that a statement opens must end in the population of a night, and every slot that a night calls passed must be shown
 * by a drill that passed.
 * @param openedBefore the export may lack statements older than this instant; null when it begins with the first seal.
 */
export function followSlots(found: Found, openedBefore: () => string | null): Slots {
  const open = new Map<string, OpenSlot>();
  const passed = new Set<string>();
  const nights = new Map<string, Set<string>>();
  const newest = new Map<string, string>();
  const notChecked: string[] = [];
  let slots = 0;
  const idOf = (policy: string, slot: string, resource: string): string =>
    JSON.stringify([policy, slot, resource]);

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
      if (kind === 'drill' && verdict === 'passed') passed.add(id);
      const ended = nights.get(JSON.stringify([policy, slot]));
      if (ended?.has(id) !== true)
        open.set(id, { path, policy, slot, ofNight: trigger === 'night' || ended !== undefined });
    },

    night({ path, seal: { night } }) {
      const { policy, slot, population, verdict } = night;
      const ended = new Set<string>();
      for (const row of population) {
        const id = idOf(policy, row.slot, row.resource);
        if (ended.has(id)) found('listed-twice', path, `${row.resource} ends twice in the slot ${row.slot}`);
        ended.add(id);
        open.delete(id);
        if (row.end !== 'passed' || passed.has(id)) continue;
        const since = openedBefore();
        const claim = `${row.resource} is called passed in the slot ${row.slot}`;
        if (since === null || row.slot >= since)
          found('unproven', path, `${claim}, and no sealed drill shows it`);
        else notChecked.push(`${claim}; the drill that shows it may lie in a seal before this export.`);
      }
      slots += ended.size;
      const ends = new Set(population.map(({ end }) => end));
      if (
        verdict === 'passed' &&
        (!ends.has('passed') || ends.has('failed') || ends.has('inconclusive') || ends.has('missed'))
      ) {
        found('unproven', path, 'the night is called passed, and its population does not say so');
      }
      for (const [id, waiting] of open) {
        if (waiting.policy === policy && waiting.slot === slot) open.set(id, { ...waiting, ofNight: true });
      }
      nights.set(JSON.stringify([policy, slot]), ended);
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
      return { slots, notChecked };
    },
  };
}
