import type { Logger } from 'pino';
import type { Clock, Table } from '../platform.ts';

/** Never runs twice at the same time: a second request waits for the first to end. */
interface Sweep {
  readonly run: () => Promise<void>;
  readonly timer: NodeJS.Timeout;
}

const KEY = 'offsetMs';

/** The simulated clock. Its offset is the only state; it never goes back. */
export function createClock(offsets: Table<number>, log: Logger): Clock & { stop: () => Promise<void> } {
  const sweeps: Sweep[] = [];
  const underWay = new Set<Promise<void>>();

  const serialised = (name: string, sweep: () => Promise<void> | void): (() => Promise<void>) => {
    let last = Promise.resolve();
    return () => {
      last = last.then(sweep).catch((err: unknown) => log.error({ err, sweep: name }, 'expiry sweep failed'));
      return last;
    };
  };
  const track = (work: Promise<void>): Promise<void> => {
    underWay.add(work);
    return work.finally(() => underWay.delete(work));
  };

  return {
    real: () => new Date(),
    now: () => new Date(Date.now() + (offsets.get(KEY) ?? 0)),
    get offsetMs() {
      return offsets.get(KEY) ?? 0;
    },
    async advance(byMs) {
      if (!Number.isFinite(byMs) || byMs < 0)
        throw new RangeError(`The clock moves forward only; got ${byMs} ms.`);
      await offsets.put(KEY, (offsets.get(KEY) ?? 0) + Math.round(byMs));
      for (const sweep of sweeps) await track(sweep.run());
    },
    onTick(name, sweep, everyMs = 1000) {
      const run = serialised(name, sweep);
      let busy = false;
      const timer = setInterval(() => {
        if (busy) return;
        busy = true;
        void track(run()).finally(() => (busy = false));
      }, everyMs);
      timer.unref();
      sweeps.push({ run, timer });
    },
    async stop() {
      for (const { timer } of sweeps) clearInterval(timer);
      await Promise.allSettled(underWay);
    },
  };
}
