import { stripVTControlCharacters } from 'node:util';
import { expect, test } from '@jest/globals';
import { follow } from '../../cli/follow.ts';
import { nightProgress } from '../../cli/night-progress.ts';
import { loadPolicy } from '../../cli/policy-file.ts';
import { createTerminal } from '../../cli/terminal.ts';
import type { Progress, StepProgress } from '../../domain/progress.ts';
import { NOW, POLICY_FILE } from '../support/cli-world.ts';

const AT = NOW.toISOString();
const step = (name: string, state: StepProgress['state'], detail = ''): StepProgress => ({
  step: name,
  state,
  startedAt: state === 'waiting' ? null : AT,
  endedAt: state === 'done' || state === 'failed' ? AT : null,
  detail,
});

/** Follows a run that answers with one progress after the other and then ends. @returns what was written. */
async function followed(
  looks: readonly (Progress | null)[],
  options: { isTTY?: boolean; columns?: number; rows?: number } = {},
): Promise<string> {
  let out = '';
  const { columns = 80, rows = 24, isTTY = true } = options;
  const stdout = { write: (text: string) => (out += text), isTTY, columns, rows };
  const terminal = createTerminal({ stdout, stderr: stdout, json: false, color: false });
  let look = 0;
  let end: () => void = () => undefined;
  const done = new Promise<string>((resolve) => (end = () => resolve('result')));
  const plane = {
    progress: async () => {
      const progress = looks[Math.min(look, looks.length - 1)] ?? null;
      look += 1;
      if (look >= looks.length) end();
      return progress;
    },
  };
  const sleep = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const watcher = { terminal, sleep, onInterrupt: () => () => undefined, now: () => NOW };
  expect(await follow(plane, 'drill/orders/1', done, watcher)).toBe('result');
  return out;
}

/** What a screen shows after the cursor movements of {@link followed}. */
function screen(out: string): string[] {
  const lines: string[] = [];
  for (const part of out.split(/(\u001b\[\d+A\u001b\[J)/)) {
    const up = /^\u001b\[(\d+)A/.exec(part);
    if (up !== null) lines.splice(lines.length - Number(up[1]));
    else lines.push(...stripVTControlCharacters(part).split('\n').slice(0, -1));
  }
  return lines;
}

test('a terminal shows every step once, at its newest state', async () => {
  const out = await followed([
    { steps: [step('restore', 'running'), step('checks', 'waiting')] },
    { steps: [step('restore', 'done'), step('checks', 'running')] },
    { steps: [step('restore', 'done'), step('checks', 'failed', 'page 46')] },
  ]);
  expect(screen(out)).toEqual(['✓ restore done (0.0 s)', '✗ checks failed (0.0 s): page 46']);
});

test('lines never wrap, since a wrapped line cannot be redrawn', async () => {
  const out = await followed([{ steps: [step('restore', 'running', 'x'.repeat(200))] }], { columns: 40 });
  for (const line of screen(out)) expect(line.length).toBeLessThan(40);
});

test('what is over scrolls away first when there are more steps than lines', async () => {
  const done = Array.from({ length: 30 }, (_, n) => step(`step ${n}`, 'done'));
  const out = await followed([{ steps: [...done, step('the last', 'running')] }], { rows: 14 });
  const lines = screen(out);
  expect(lines.length).toBeLessThan(14);
  expect(lines[0]).toMatch(/^✓ \d+ steps done before these$/);
  expect(lines.at(-1)).toContain('the last running');
});

test('a run that nobody works on is said, once', async () => {
  const out = await followed([...Array<null>(8).fill(null), { steps: [step('restore', 'done')] }], {
    isTTY: false,
  });
  expect(out.match(/No worker answers/g)).toHaveLength(1);
  expect(out).toContain('restore done');
});

test('a night is shown with the steps of its resources', async () => {
  const { policy } = loadPolicy(POLICY_FILE, () => undefined);
  const answers: Record<string, Progress> = {
    night: { steps: [step('discover', 'done'), step('resources', 'running'), step('seal', 'waiting')] },
    'protect/orders/slot': { steps: [step('backup', 'done')] },
    'drill/orders/slot': { steps: [step('restore', 'running')] },
  };
  const plane = { progress: async (id: string) => answers[id] ?? null };
  const progress = await nightProgress(plane, policy, 'slot').progress('night');
  expect(progress?.steps.map(({ step: name, state }) => `${name} ${state}`)).toEqual([
    'discover done',
    'orders: backup done',
    'orders: restore running',
    'seal waiting',
  ]);
});
