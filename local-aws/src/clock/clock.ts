import type { Logger } from 'pino';
import type { Clock, Table } from '../platform.ts';

/** Never runs twice at the same time: a second request waits for the first to end. */
interface Sweep {
  readonly run: () => Promise<void>;
  readonly timer: NodeJS.Timeout;
}

const KEY = 'offsetMs';
/** `jump/<real ms>`: the offset from that instant on. The first, at 0, is the one from before the first advance. */
const JUMP = 'jump/';

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

  /** Oldest first, never empty. */
  const jumps = (): { real: number; offset: number }[] => {
    const found = [...offsets.entries()]
      .filter(([key]) => key.startsWith(JUMP))
      .map(([key, offset]) => ({ real: Number(key.slice(JUMP.length)), offset }))
      .sort((a, b) => a.real - b.real);
    return found.length > 0 ? found : [{ real: 0, offset: offsets.get(KEY) ?? 0 }];
  };

  return {
    real: () => new Date(),
    now: () => new Date(Date.now() + (offsets.get(KEY) ?? 0)),
    get offsetMs() {
      return offsets.get(KEY) ?? 0;
    },
    fromReal(at) {
      const jump = jumps().findLast(({ real }) => real <= at.getTime());
      return new Date(at.getTime() + (jump?.offset ?? 0));
    },
    toReal(at) {
      const jump = jumps().findLast(({ real, offset }) => real + offset <= at.getTime());
      const next = jumps().find(({ real }) => real > (jump?.real ?? 0));
      const real = at.getTime() - (jump?.offset ?? 0);
      return new Date(Math.min(real, (next?.real ?? Infinity) - 1));
    },
    async advance(byMs) {
      if (!Number.isFinite(byMs) || byMs < 0)
        throw new RangeError(`The clock moves forward only; got ${byMs} ms.`);
      const before = offsets.get(KEY) ?? 0;
      const after = before + Math.round(byMs);
      if (!offsets.has(`${JUMP}0`)) await offsets.put(`${JUMP}0`, before);
      await Promise.all([offsets.put(`${JUMP}${Date.now()}`, after), offsets.put(KEY, after)]);
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
