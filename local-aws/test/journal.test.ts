import { expect, test, afterAll } from '@jest/globals';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JournalDamaged, openJournal } from '../src/journal/journal.ts';
import { encodeLine } from '../src/journal/line.ts';
import { openTable, type TableLine } from '../src/journal/table.ts';

const folder = mkdtempSync(join(tmpdir(), 'journal-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let next = 0;
const freshPath = (): string => join(folder, `${next++}.journal`);

test('what was appended is there after opening again, in order', async () => {
  const path = freshPath();
  const journal = openJournal<number>(path);
  await Promise.all([1, 2, 3, 4, 5].map((n) => journal.append(n)));
  await journal.close();
  expect(openJournal<number>(path).replay()).toEqual([1, 2, 3, 4, 5]);
});

test.each([
  ['a line without its end', encodeLine(2).slice(0, -1)],
  ['half a line', encodeLine({ long: 'x'.repeat(50) }).slice(0, 20)],
  ['a last line with a wrong checksum', `00000000 2\n`],
])('%s, as a crash leaves it, is cut off', async (_what, tail) => {
  const path = freshPath();
  writeFileSync(path, encodeLine(1) + tail);
  const journal = openJournal<number>(path);
  expect(journal.replay()).toEqual([1]);
  await journal.append(3);
  await journal.close();
  expect(openJournal<number>(path).replay()).toEqual([1, 3]);
});

test('a damaged line in the middle is refused with file and line, and nothing is changed', () => {
  const path = freshPath();
  const content = encodeLine(1) + encodeLine(2).replace('2', '7') + encodeLine(3);
  writeFileSync(path, content);
  expect(() => openJournal<number>(path)).toThrow(JournalDamaged);
  expect(() => openJournal<number>(path)).toThrow(/line 2/);
  expect(readFileSync(path, 'utf8')).toBe(content);
});

test('a compaction under concurrent writes loses no key', async () => {
  const path = freshPath();
  const journal = openJournal<TableLine<number>>(path);
  const table = openTable<number>(journal);
  const writes: Promise<void>[] = [];
  for (let n = 0; n < 6000; n += 1) {
    writes.push(table.put(`key-${n % 500}`, n));
    if (n % 97 === 0) await writes.at(-1);
  }
  await Promise.all(writes);
  expect(journal.lines).toBeLessThan(4000);
  const before = new Map(table.entries());
  await journal.close();
  expect(new Map(openTable<number>(openJournal(path)).entries())).toEqual(before);
});

test('removed keys stay removed', async () => {
  const path = freshPath();
  const journal = openJournal<TableLine<string>>(path);
  const table = openTable(journal);
  await table.put('a', '1');
  await table.put('b', '2');
  await table.remove('a');
  await journal.close();
  expect([...openTable<string>(openJournal(path)).keys()]).toEqual(['b']);
});

test('an entry that somebody appended to by hand is noticed', () => {
  const path = freshPath();
  writeFileSync(path, encodeLine({ k: 'a', v: 1 }));
  appendFileSync(path, `{"k":"b","v":2}\n${encodeLine({ k: 'c', v: 3 })}`);
  expect(() => openJournal(path)).toThrow(JournalDamaged);
});
