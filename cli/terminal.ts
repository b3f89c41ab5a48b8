import { stripVTControlCharacters, styleText } from 'node:util';

/** The part of a stream that is needed, so that tests can pass their own. */
export interface Out {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

export interface TerminalOptions {
  readonly stdout: Out;
  readonly stderr: Out;
  readonly json: boolean;
  readonly color: boolean;
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/**
 * Where words go. People read `say` and `table`; programs read the one value given to `result`.
 * With `--json`, standard output carries that value and nothing else; progress and notes move to standard error.
 */
export interface Terminal {
  readonly json: boolean;
  /** True when lines may be redrawn. */
  readonly live: boolean;
  readonly columns: number;
  readonly rows: number;
  say(text?: string): void;
  /** Progress and notes: standard output for people, standard error with `--json`. */
  note(text: string): void;
  /** Something that needs attention; always standard error. */
  warn(text: string): void;
  result(value: unknown): void;
  /** Writes without a line end, for redrawing; only when `live`. */
  raw(text: string): void;
  paint(style: Style, text: string): string;
}

export function createTerminal({ stdout, stderr, json, color }: TerminalOptions): Terminal {
  return {
    json,
    live: !json && stdout.isTTY === true,
    columns: stdout.columns ?? 100,
    rows: stdout.rows ?? 40,
    say(text = '') {
      if (!json) stdout.write(`${text}\n`);
    },
    note(text) {
      (json ? stderr : stdout).write(`${text}\n`);
    },
    warn(text) {
      stderr.write(`${text}\n`);
    },
    result(value) {
      if (json) stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    },
    raw(text) {
      stdout.write(text);
    },
    paint(style, text) {
      return color ? styleText(style, text, { validateStream: false }) : text;
    },
  };
}

const STATUS_STYLE: Readonly<Record<string, Style>> = {
  passed: 'green',
  protected: 'green',
  ok: 'green',
  done: 'green',
  failed: 'red',
  problem: 'red',
  missed: 'red',
  inconclusive: 'yellow',
  unknown: 'yellow',
  'not-covered': 'yellow',
  running: 'cyan',
};

/** A verdict or state in its colour; the word itself always stays, so that nothing is said by colour alone. */
export function painted(terminal: Terminal, word: string): string {
  const style = STATUS_STYLE[word];
  return style === undefined ? word : terminal.paint(style, word);
}

/** Visible width of a text: without colour codes. */
export function width(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** Columns padded to their widest cell, two spaces between them, no trailing blanks. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))));
  const pad = (cell: string, column: number): string =>
    cell + ' '.repeat((widths[column] ?? 0) - width(cell));
  return all.map((row) => row.map(pad).join('  ').trimEnd());
}
