import { expect, test, afterAll } from '@jest/globals';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adoptJournals } from '../src/journal/adopt.ts';
import { JournalDamaged, openJournal } from '../src/journal/journal.ts';
import { encodeLine } from '../src/journal/line.ts';
import { type GroupLine, openTable, openTables, type TableLine, together } from '../src/journal/table.ts';

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
  expect(() => openJournal<number>(path)).toThrow(
    `State file ${path} is damaged at line 2, byte ${encodeLine(1).length}: its checksum does not match.`,
  );
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

const NAMES = ['jobs', 'tokens'] as const;
function openGroup(path: string) {
  const journal = openJournal<GroupLine>(path);
  const tables = openTables(journal, NAMES);
  return { journal, jobs: tables.table<number>('jobs'), tokens: tables.table<string>('tokens') };
}

test('what is changed together survives whole, or, when its line is torn at any byte, not at all', async () => {
  const path = freshPath();
  const { journal, jobs, tokens } = openGroup(path);
  await together(jobs.putting('a', 1), tokens.putting('t', 'a'));
  const sound = readFileSync(path).length;
  await together(jobs.putting('b', 2), jobs.removing('a'), tokens.removing('t'), tokens.removing('none'));
  expect([jobs.has('a'), jobs.get('b'), tokens.size]).toEqual([false, 2, 0]);
  await journal.close();
  const whole = readFileSync(path);
  for (let end = whole.length; end >= sound; end -= 1) {
    truncateSync(path, end);
    const again = openGroup(path);
    const [before, after] = [[['a', 1]], [['b', 2]]];
    expect([...again.jobs.entries()]).toEqual(end === whole.length ? after : before);
    expect([...again.tokens.entries()]).toEqual(end === whole.length ? [] : [['t', 'a']]);
    await again.journal.close();
  }
});

test('tables that share no journal cannot be changed together, and nothing is changed', async () => {
  const [one, two] = [openGroup(freshPath()), openGroup(freshPath())];
  await expect(together(one.jobs.putting('a', 1), two.tokens.putting('t', 'a'))).rejects.toThrow(
    /do not share a journal/,
  );
  expect([one.jobs.size, two.tokens.size]).toEqual([0, 0]);
});

test('journals that tables had of their own are taken over once, also when the first time was cut short', async () => {
  const path = freshPath();
  const old = new Map(NAMES.map((name) => [name, `${path}.${name}`]));
  const own = (name: (typeof NAMES)[number], ...lines: TableLine<unknown>[]) =>
    writeFileSync(old.get(name)!, lines.map(encodeLine).join(''));
  own('jobs', { k: 'a', v: 1 }, { k: 'b', v: 2 }, { k: 'a', gone: true });
  adoptJournals(path, old);
  const { journal, jobs } = openGroup(path);
  expect([...jobs.entries()]).toEqual([['b', 2]]);
  await jobs.put('b', 3);
  await journal.close();
  // The old file had not been deleted yet; another table comes along later.
  own('jobs', { k: 'b', v: 2 });
  own('tokens', { k: 't', v: 'b' });
  adoptJournals(path, old);
  const again = openGroup(path);
  expect([again.jobs.get('b'), again.tokens.get('t')]).toEqual([3, 'b']);
  expect([...old.values()].some((file) => existsSync(file))).toBe(false);
  for (let n = 0; n < 5000; n += 1) void again.jobs.put('b', n);
  await again.jobs.put('b', 5000);
  await again.journal.close();
  expect(readFileSync(path, 'utf8')).toContain('{"adopted":["jobs","tokens"]}');
});

test('a journal that cannot be rewritten goes on being written, and is rewritten when it can', async () => {
  const path = freshPath();
  const troubles: unknown[] = [];
  const journal = openJournal<TableLine<number>>(path);
  const table = openTable<number>(journal, (cause) => troubles.push(cause));
  mkdirSync(`${path}.new`);
  for (let n = 0; n < 2100; n += 1) await table.put('only', n);
  expect(troubles).toEqual([expect.objectContaining({ code: 'EISDIR' })]);
  expect(journal.lines).toBe(2100);
  rmSync(`${path}.new`, { recursive: true });
  for (let n = 0; n < 2100; n += 1) await table.put('only', n);
  expect(journal.lines).toBeLessThan(500);
  await journal.close();
  expect(openTable<number>(openJournal(path)).get('only')).toBe(2099);
});
