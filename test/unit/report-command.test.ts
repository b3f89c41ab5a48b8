import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { lifeboat } from '../support/cli-world.ts';
import { exportOf, newSigner } from './evidence-export.ts';
import { monthOfNights } from './evidence-month.ts';

const folder = mkdtempSync(join(tmpdir(), 'report-command-'));
const dir = join(folder, 'export');

beforeAll(async () => {
  await exportOf(monthOfNights(newSigner(), 12), dir);
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each(['drill', 'population', 'restore', 'monthly'])(
  'report %s reads an exported folder without policy, Temporal or network, in every form',
  async (kind) => {
    const none = ['--policy', '/nonexistent.yaml'];
    const html = join(folder, `${kind}.html`);
    const page = await lifeboat([...none, 'report', kind, '--dir', dir, '--out', html]);
    expect([page.err, page.out.includes(`${html}: written.`)]).toEqual(['', true]);
    expect(readFileSync(html, 'utf8')).toMatch(/^\s*<!doctype html>/);
    const csv = await lifeboat([...none, 'report', kind, '--dir', dir, '--format', 'csv']);
    expect(csv.out.split('\r\n').length).toBeGreaterThan(2);
    const json = await lifeboat([...none, '--json', 'report', kind, '--dir', dir]);
    expect((JSON.parse(json.out) as { format: string }).format).toMatch(/^lifeboat-.*\/v1$/);
  },
);

test('a drill that failed gives exit status 1, one that passed 0', async () => {
  const key = 'statements/2026-12-02/customers/drill.json';
  expect(await lifeboat(['report', 'drill', key, '--dir', dir])).toMatchObject({ status: 1 });
  expect(await lifeboat(['report', 'drill', 'orders', '--dir', dir])).toMatchObject({ status: 0 });
});

test('a period chooses nights by their slots', async () => {
  const line = ['--json', 'report', 'population', '--dir', dir, '--from', '2026-11-23', '--to', '2026-11-25'];
  const { slots } = JSON.parse((await lifeboat(line)).out) as { slots: { slot: string }[] };
  expect(slots.map(({ slot }) => slot.slice(0, 10))).toEqual(['2026-11-23', '2026-11-24', '2026-11-25']);
});

test('promises of a policy and controls of a catalogue are answered, and the exit status is 0 only when all are kept', async () => {
  const days = ['--dir', dir, '--from', '2026-11-22', '--to', '2026-12-01'];
  const full = await lifeboat(['--policy', 'examples/full.yaml', 'report', 'promises', ...days]);
  expect(full).toMatchObject({ status: 0, out: expect.stringContaining('kept  published') });
  const soc2 = await lifeboat(['report', 'promises', '--catalogue', 'examples/controls/soc2.yaml', ...days]);
  expect(soc2).toMatchObject({ status: 0, out: expect.stringContaining('kept  A1.2') });
  const late = ['--dir', dir, '--from', '2026-11-22', '--to', '2026-12-20'];
  expect(await lifeboat(['--policy', 'examples/full.yaml', 'report', 'promises', ...late])).toMatchObject({
    status: 1,
    out: expect.stringContaining('not provable  published'),
  });
});

test.each([
  ['a folder that is no export', ['population', '--dir', tmpdir()], 'is not an export of evidence'],
  [
    'a file whose name says no form',
    ['population', '--dir', dir, '--out', '/tmp/x'],
    'does not say in which form',
  ],
  [
    'a file that cannot be written',
    ['population', '--dir', dir, '--out', '/nonexistent/x.html'],
    'cannot be written',
  ],
  ['a day that is none', ['monthly', '--dir', dir, '--from', '2026-13-01'], 'is not a day'],
  [
    'a period that ends before it begins',
    ['monthly', '--dir', dir, '--from', '2026-12-02', '--to', '2026-12-01'],
    'is later than',
  ],
  ['a drill that is not there', ['drill', 'ghost', '--dir', dir], 'holds no drill of ghost'],
  ['a policy that promises nothing', ['promises', '--dir', dir], 'promises nothing'],
  ['a catalogue that is none', ['promises', '--dir', dir, '--catalogue', 'package.json'], 'is no catalogue'],
])('%s is refused with what to do', async (_what, line, why) => {
  expect(await lifeboat(['report', ...line])).toMatchObject({ status: 2, err: expect.stringContaining(why) });
});
