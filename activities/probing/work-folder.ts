import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** No activity of a prober runs longer than four hours; what nobody touched for so long belongs to nobody. */
const FORGOTTEN_MS = 24 * 3_600_000;

/** The prober's own disk: one folder per piece of work, found again by the same words. Folders that were forgotten are removed. */
export function workFolder(root: string) {
  async function sweep(): Promise<void> {
    for (const entry of await readdir(root)) {
      const path = join(root, entry);
      // Another activity may remove it first.
      const found = await stat(path).catch(() => null);
      if (found !== null && Date.now() - found.mtimeMs > FORGOTTEN_MS)
        await rm(path, { recursive: true, force: true });
    }
  }
  return {
    /** @param what the kind of work. @param words together they name the piece of work; they may be secret. */
    async folder(what: string, ...words: readonly string[]): Promise<string> {
      const id = createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, 32);
      const path = join(root, `${what}-${id}`);
      await mkdir(path, { recursive: true, mode: 0o700 });
      const now = new Date();
      await utimes(path, now, now);
      await sweep();
      return path;
    },
  };
}
