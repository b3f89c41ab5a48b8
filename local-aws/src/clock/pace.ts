import { setTimeout as sleep } from 'node:timers/promises';
import type { Pace } from '../platform.ts';

/** A restore that takes AWS ten minutes takes 0.4 s here. */
export const DEFAULT_SCALE = 1 / 1500;

export interface PaceSettings {
  /** Real seconds per AWS second. */
  readonly scale?: number;
  /** AWS seconds by name, in place of what the caller thinks typical. */
  readonly overrides?: Readonly<Record<string, number>>;
}

const STEPS = 10;

export function createPace({ scale = DEFAULT_SCALE, overrides = {} }: PaceSettings = {}): Pace {
  if (!(scale >= 0)) throw new RangeError(`The pace must be 0 or more; got ${scale}.`);
  return {
    scale,
    async take(name, { typicalSeconds, signal, onProgress }) {
      const totalMs = (overrides[name] ?? typicalSeconds) * scale * 1000;
      const steps = onProgress ? STEPS : 1;
      for (let step = 1; step <= steps; step += 1) {
        signal?.throwIfAborted();
        if (totalMs > 0) await sleep(totalMs / steps, undefined, signal ? { signal } : {});
        onProgress?.(step / steps);
      }
    },
  };
}
