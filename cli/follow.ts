import { stripVTControlCharacters } from 'node:util';
import type { Progress, StepProgress } from '../domain/progress.ts';
import type { ControlPlane } from './control-plane.ts';
import { Detached } from './exit-status.ts';
import { painted, width, type Terminal } from './terminal.ts';
import type { World } from './world.ts';
import { howLong } from '../domain/words.ts';

const LOOK_EVERY_MS = 400;
/** Unanswered looks in a row after which a person should hear that nobody is working. */
const UNANSWERED = 4;

interface Watcher extends Pick<World, 'terminal' | 'sleep' | 'onInterrupt' | 'now'> {
  /** From when the instants in front of plain lines count; default: now. */
  readonly since?: Date;
}

/**
 * Shows the progress of a run until `done` resolves, and resolves with the same value. A terminal gets lines that are redrawn,
 * everything else one line per change.
 * @throws Detached at Ctrl-C: the run itself goes on.
 */
export async function follow<T>(
  plane: Pick<ControlPlane, 'progress'>,
  runId: string,
  done: Promise<T>,
  watcher: Watcher,
): Promise<T> {
  const { terminal, sleep, onInterrupt, now, since = now() } = watcher;
  const view = terminal.live ? redrawn(terminal, now) : oneLinePerChange(terminal, now, since);
  let end: { readonly value: T } | { readonly error: unknown } | undefined;
  let interrupted = false;
  let wake: () => void = () => undefined;
  const ended = done.then(
    (value) => void (end = { value }),
    (error: unknown) => void (end = { error }),
  );
  const stopListening = onInterrupt(() => {
    interrupted = true;
    wake();
  });
  try {
    let unanswered = 0;
    while (end === undefined && !stopped(interrupted)) {
      const progress = await plane.progress(runId).catch(() => null);
      if (progress === null) unanswered += 1;
      else {
        unanswered = 0;
        view.show(progress);
      }
      if (unanswered === UNANSWERED)
        view.say('No worker answers. Is one running? `npm run worker` starts it.');
      await Promise.race([ended, sleep(LOOK_EVERY_MS), new Promise<void>((resolve) => (wake = resolve))]);
    }
    if (end === undefined) throw new Detached(runId);
    const last = await plane.progress(runId).catch(() => null);
    if (last !== null) view.show(last);
    if ('error' in end) throw end.error;
    return end.value;
  } finally {
    stopListening();
    view.close();
  }
}

/** Reads the flag through a call, because it changes while the loop waits. */
const stopped = (flag: boolean): boolean => flag;

interface View {
  show(progress: Progress): void;
  say(text: string): void;
  close(): void;
}

function oneLinePerChange(terminal: Terminal, now: () => Date, since: Date): View {
  const began = since.getTime();
  const seen = new Map<string, string>();
  const at = (): string => `[${howLong((now().getTime() - began) / 1000).padStart(7)}]`;
  return {
    show({ steps }) {
      for (const step of steps) {
        if (step.state === 'waiting' || seen.get(step.step) === step.state) continue;
        // What was over before anybody watched is no news.
        if (step.endedAt !== null && Date.parse(step.endedAt) < began) continue;
        seen.set(step.step, step.state);
        terminal.note(`${at()} ${sentence(terminal, step, now())}`);
      }
    },
    say: (text) => terminal.note(`${at()} ${text}`),
    close: () => undefined,
  };
}

const MARK = { waiting: '·', running: '›', done: '✓', failed: '✗' } as const;

function redrawn(terminal: Terminal, now: () => Date): View {
  let drawn = 0;
  const draw = (lines: readonly string[]): void => {
    const up = drawn === 0 ? '' : `\u001b[${drawn}A\u001b[J`;
    terminal.raw(up + lines.map((line) => `${line}\n`).join(''));
    drawn = lines.length;
  };
  return {
    show({ steps }) {
      // What is over scrolls away first when a fleet does not fit on the screen.
      const room = Math.max(5, terminal.rows - 4);
      const over = steps.filter(({ state }) => state === 'done').length;
      const hidden = Math.min(over, Math.max(0, steps.length - room));
      let skip = hidden;
      const shown = steps.filter(({ state }) => state !== 'done' || --skip < 0).slice(0, room);
      const lines = shown.map((step) => {
        const mark = `${paintedMark(terminal, step)} `;
        return mark + cut(sentence(terminal, step, now()), terminal.columns - width(mark) - 1);
      });
      draw(hidden > 0 ? [terminal.paint('dim', `✓ ${hidden} steps done before these`), ...lines] : lines);
    },
    say(text) {
      draw([]);
      terminal.raw(`${text}\n`);
    },
    close: () => undefined,
  };
}

function paintedMark(terminal: Terminal, { state }: StepProgress): string {
  const style = ({ waiting: 'dim', running: 'cyan', done: 'green', failed: 'red' } as const)[state];
  return terminal.paint(style, MARK[state]);
}

function sentence(
  terminal: Terminal,
  { step, state, startedAt, endedAt, detail }: StepProgress,
  now: Date,
): string {
  const took =
    startedAt === null
      ? ''
      : ` (${howLong(((endedAt === null ? now.getTime() : Date.parse(endedAt)) - Date.parse(startedAt)) / 1000)})`;
  const what = detail === '' ? '' : `: ${detail}`;
  return `${step} ${painted(terminal, state)}${state === 'waiting' ? '' : took}${what}`;
}

/** Cuts plain text; a line with colours is only cut when it does not fit, and then loses them. */
function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  return `${stripVTControlCharacters(text).slice(0, Math.max(1, columns - 1))}…`;
}
