import { readFileSync } from 'node:fs';

/** The last lines of a log, for a message. Pino's JSON lines are shortened to what people read. */
export function logTail(file: string, lines = 6): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (err) {
    return `(the log cannot be read: ${(err as Error).message})`;
  }
  const last = text.trimEnd().split('\n').slice(-lines).map(readable);
  return last.join('\n') === '' ? '(nothing)' : last.map((line) => `  ${line}`).join('\n');
}

function readable(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const { msg, err, error } = JSON.parse(line) as {
      msg?: string;
      err?: { message?: string };
      error?: { message?: string };
    };
    const why = err?.message ?? error?.message;
    return [msg ?? line, ...(why === undefined || why === msg ? [] : [why])].join(': ');
  } catch {
    return line; // a line that was cut in the middle is shown as it is
  }
}
