import type { Logger } from 'pino';
import type { Clock, Table } from '../platform.ts';

interface Sweep {
  readonly name: string;
  readonly run: () => Promise<void> | void;
  readonly timer: NodeJS.Timeout;
}

const KEY = 'offsetMs';

/** The simulated clock. Its offset is the only state; it never goes back. */
export function createClock(offsets: Table<number>, log: Logger): Clock & { stop: () => Promise<void> } {
  const sweeps: Sweep[] = [];
  const underWay = new Set<Promise<void>>();

  const runSweep = async (sweep: Sweep): Promise<void> => {
    try {
      await sweep.run();
    } catch (err) {
      log.error({ err, sweep: sweep.name }, 'expiry sweep failed');
    }
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
      for (const sweep of sweeps) await track(runSweep(sweep));
    },
    onTick(name, run, everyMs = 1000) {
      let busy = false;
      const timer = setInterval(() => {
        if (busy) return;
        busy = true;
        void track(runSweep({ name, run, timer })).finally(() => (busy = false));
      }, everyMs);
      timer.unref();
      sweeps.push({ name, run, timer });
    },
    async stop() {
      for (const { timer } of sweeps) clearInterval(timer);
      await Promise.allSettled(underWay);
    },
  };
}
