import { existsSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readEntries, syncFolder } from './journal.ts';
import { encodeLine } from './line.ts';
import type { GroupLine, TableLine } from './table.ts';

/**
 * Tables had journals of their own before they shared one: takes over what is there, each once, before the shared one is opened. A crash
 * at any point is made good by the next start.
 * @param old where each table's own journal lay, by the name of the table.
 * @throws JournalDamaged
 */
export function adoptJournals(shared: string, old: ReadonlyMap<string, string>): void {
  const there = [...old].filter(([, path]) => existsSync(path));
  if (there.length === 0) return;
  const entries = existsSync(shared) ? (readEntries(shared) as GroupLine[]) : [];
  const adopted = entries.flatMap((line) => ('adopted' in line ? line.adopted : []));
  const fresh = there.filter(([name]) => !adopted.includes(name));
  if (fresh.length > 0) {
    const lines: GroupLine[] = [
      { adopted: [...adopted, ...fresh.map(([name]) => name)] },
      ...entries.filter((line) => !('adopted' in line)),
      ...fresh.flatMap(([t, path]) =>
        (readEntries(path) as TableLine<unknown>[]).map((line) => ({ ...line, t })),
      ),
    ];
    writeFileSync(`${shared}.new`, lines.map(encodeLine).join(''), { mode: 0o600, flush: true });
    renameSync(`${shared}.new`, shared);
    syncFolder(dirname(shared));
  }
  for (const [, path] of there) unlinkSync(path);
}
