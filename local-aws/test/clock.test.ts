import { expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { createClock } from '../src/clock/clock.ts';
import { openJournal } from '../src/journal/journal.ts';
import { openTable, type TableLine } from '../src/journal/table.ts';

const DAY = 86_400_000;

test('instants before, between and after advances are translated both ways, also after a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clock-'));
  const open = () => openTable(openJournal<TableLine<number>>(join(folder, 'clock.journal')));
  const clock = createClock(open(), pino({ level: 'silent' }));
  const before = { real: clock.real(), aws: clock.now() };
  expect(before.aws.getTime() - before.real.getTime()).toBeLessThan(50);
  await sleep(20);
  await clock.advance(DAY);
  await sleep(20);
  const between = clock.real();
  await sleep(20);
  await clock.advance(2 * DAY);
  await sleep(20);
  const after = clock.real();
  for (const one of [clock, createClock(open(), pino({ level: 'silent' }))]) {
    for (const [real, days] of [
      [before.real, 0],
      [between, 1],
      [after, 3],
    ] as const) {
      const aws = one.fromReal(real);
      expect(aws.getTime() - real.getTime()).toBe(days * DAY);
      expect(one.toReal(aws)).toEqual(real);
    }
    // An instant that nobody lived through is the moment of the jump over it.
    const jumped = one.toReal(new Date(between.getTime() + 2 * DAY));
    expect(jumped.getTime()).toBeGreaterThan(between.getTime());
    expect(jumped.getTime()).toBeLessThan(after.getTime());
  }
  rmSync(folder, { recursive: true });
});
