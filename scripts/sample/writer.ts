import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SampleConnection } from './connection.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = fileURLToPath(new URL('writer-main.ts', import.meta.url));

export interface WriterOptions {
  readonly connection: SampleConnection;
  /** Address of the local AWS's admin endpoint, whose clock the rows carry; without it the clock of this computer. */
  readonly clockEndpoint?: string;
  /** Written once a second; `transactions` counts from the start. Shown nowhere unless the caller does. */
  readonly onProgress?: (progress: WriterProgress) => void;
}

export interface WriterProgress {
  readonly transactions: number;
  readonly reconnects: number;
}

export interface Writer {
  readonly pid: number;
  /** Resolves when the process ended. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the process that keeps the shop busy. It outlives restarts of the database, and ends with SIGTERM, SIGINT or the death of this
 * process. The password goes through a pipe, never through the command line.
 */
export async function startWriter({ connection, clockEndpoint, onProgress }: WriterOptions): Promise<Writer> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN], {
    cwd: PROJECT,
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // Ctrl-C is for the parent, which ends its children in order
  });
  const ended = once(child, 'close').then(() => undefined);
  child.stdin.on('error', () => undefined); // it ended before it read; `ended` says so
  child.stdin.write(`${JSON.stringify({ connection, clockEndpoint })}\n`);
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => onProgress?.(JSON.parse(line) as WriterProgress));
  const { pid } = child;
  if (pid === undefined) throw new Error('The writer of the sample could not be started.');
  return {
    pid,
    ended,
    stop: async () => {
      child.kill('SIGTERM');
      const patience = sleep(3_000, 'late', { ref: false });
      if ((await Promise.race([ended, patience])) === 'late') child.kill('SIGKILL');
      await ended;
    },
  };
}
