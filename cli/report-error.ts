import { CouldNot, Detached, EXIT, type ExitStatus } from './exit-status.ts';
import { PolicyWrong } from './policy-file.ts';
import { TemporalSettingsWrong } from '../worker/temporal-connection.ts';
import type { Out } from './terminal.ts';

interface Reporting {
  readonly json: boolean;
  /** Shows stack traces. */
  readonly debug: boolean;
  readonly stdout: Out;
  readonly stderr: Out;
}

/**
 * Says what went wrong: message and what to do on standard error, the same as JSON on standard output with `--json`.
 * What nobody expected is said in one line, too; its stack trace is for LIFEBOAT_DEBUG=1.
 */
export function report(err: unknown, { json, debug, stdout, stderr }: Reporting): ExitStatus {
  if (err instanceof Detached) {
    stderr.write(`${err.message} See it with \`lifeboat status\`.\n`);
    if (json) stdout.write(`${JSON.stringify({ run: err.runId, detached: true }, null, 2)}\n`);
    return EXIT.detached;
  }
  const { message, action } = wordsOf(err);
  stderr.write(`lifeboat: ${message}\n`);
  if (action !== '') stderr.write(`  ${action}\n`);
  if (debug) stderr.write(`${withCauses(err)}\n`);
  if (json) {
    const problems = err instanceof PolicyWrong ? { problems: err.problems } : {};
    stdout.write(`${JSON.stringify({ error: { message, action, ...problems } }, null, 2)}\n`);
  }
  return EXIT.couldNot;
}

function wordsOf(err: unknown): { message: string; action: string } {
  if (err instanceof CouldNot) return { message: err.message, action: err.action };
  if (err instanceof TemporalSettingsWrong)
    return { message: err.message, action: 'See "Settings" in the README.' };
  const message = err instanceof Error ? err.message : String(err);
  // Refusals of AWS and of the ledger come as sentences of their own.
  if (err instanceof Error && err.name === 'ApplicationFailure') return { message, action: '' };
  return {
    message: `something unexpected happened: ${message}`,
    action: 'LIFEBOAT_DEBUG=1 shows where. Please report it.',
  };
}

function withCauses(err: unknown): string {
  const lines: string[] = [];
  for (let at: unknown = err; at instanceof Error; at = at.cause) lines.push(at.stack ?? at.message);
  return lines.join('\ncaused by: ');
}
