import type { Clock, EventEntry, Events, Journal } from './platform.ts';

const KEEP = 20_000;

/** A local trail of who called what and how it ended. Kept in memory and on disk; the oldest are dropped. */
export function createEvents(
  journal: Journal<EventEntry>,
  clock: Clock,
  onError: (err: unknown) => void,
): Events {
  let entries = journal.replay().slice(-KEEP);
  let compacting = false;
  return {
    record(entry) {
      const complete: EventEntry = { at: clock.now().toISOString(), ...entry };
      entries.push(complete);
      journal.append(complete).catch(onError);
      if (entries.length > KEEP * 1.5) entries = entries.slice(-KEEP);
      if (journal.lines > KEEP * 2 && !compacting) {
        compacting = true;
        journal
          .compact(() => entries.slice(-KEEP))
          .catch(onError)
          .finally(() => (compacting = false));
      }
    },
    list({ limit = 1000, kind, service, since } = {}) {
      const wanted = entries.filter(
        (entry) =>
          (kind === undefined || entry.kind === kind) &&
          (service === undefined || entry.service === service) &&
          (since === undefined || entry.at >= since),
      );
      return wanted.slice(-limit);
    },
  };
}
