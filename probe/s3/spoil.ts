import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import type { ProbeHooks, Spoilt } from '../engine.ts';
import { keepAlive } from '../keep-alive.ts';
import { isRefused, type Bucket } from './bucket.ts';
import { compareObjects, likeness, type ObjectComparison } from './compare.ts';
import { readCopy } from './copy.ts';
import { object } from './findings.ts';
import type { Manifest } from './manifest.ts';

export interface SpoilBucket {
  readonly before: Manifest;
  readonly after: Manifest;
  /** Decides which object it is. */
  readonly seed: string;
  readonly folder: string;
}

/** The largest body that is written again: it is held in memory. */
const LARGEST = 16 * 1024 * 1024;

/**
 * Changes one bit of one object that was quiet between the passes, and nothing else: the least that the check of the content promises to
 * see. @returns null when the copy holds no such object.
 */
export async function spoil(
  bucket: Bucket,
  { before, after, seed, folder }: SpoilBucket,
  hooks: ProbeHooks,
): Promise<Spoilt | null> {
  return keepAlive(hooks, 'looking for an object to spoil', async (say) => {
    // What is read here is the copy before it is spoilt; no check may take it for the copy that it asks.
    const own = join(folder, 'spoil');
    const copy = await readCopy(
      { bucket, before, after, folder: own },
      { ...hooks, heartbeat: (detail) => hooks.heartbeat(detail), now: () => hooks.now(), say },
    );
    try {
      let chosen: { rank: string; one: ObjectComparison; at: number } | null = null;
      for await (const one of compareObjects(before.path, after.path, copy.path)) {
        const [only] = one.mayBe;
        const { found } = one;
        const fits =
          found !== null &&
          only !== undefined &&
          !one.moved &&
          one.due &&
          found.size > 0 &&
          found.size <= LARGEST &&
          only.reference.kind !== 'none' &&
          likeness(only, found) !== 'different';
        if (!fits) continue;
        const rank = createHmac('sha256', seed).update(one.key).digest('hex');
        if (chosen === null || rank < chosen.rank) chosen = { rank, one, at: found.at };
      }
      if (chosen === null) return null;
      const key = await copy.keyOf(chosen.at);
      const [details, body] = [
        await bucket.details({ key, versionId: '' }),
        await bucket.body({ key, versionId: '' }),
      ];
      if (isRefused(details) || isRefused(body)) return null;
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      const place = Number.parseInt(chosen.rank.slice(0, 8), 16) % bytes.length;
      bytes[place] = (bytes[place] ?? 0) ^ 1;
      await bucket.overwrite(key, bytes, details.metadata);
      return { what: `one bit of ${object(chosen.one.key)} was changed` };
    } finally {
      await copy.close();
      await rm(own, { recursive: true, force: true });
    }
  });
}
