import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { AdminRefusal } from '../platform.ts';
import { parseFaultRule } from './parse.ts';
import type { FaultRule } from './rule.ts';

const LOOK_EVERY_MS = 300;

/** A fault file that cannot be used, in one sentence with file and rule. */
export class FaultFileUnusable extends Error {
  constructor(path: string, why: string) {
    super(`The fault file ${path} cannot be used: ${why}`);
    this.name = 'FaultFileUnusable';
  }
}

export interface FileRule {
  /** `file-<n>`, counted from 1. */
  readonly id: string;
  readonly rule: FaultRule;
}

/** A JSON array of rules, each as `fault add` takes them. @throws FaultFileUnusable */
export function readFaultFile(path: string): FileRule[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new FaultFileUnusable(path, cause instanceof Error ? `${cause.message}.` : String(cause));
  }
  if (!Array.isArray(content))
    throw new FaultFileUnusable(path, 'it must hold a JSON array of rules, e.g. [{"kind": "throttle"}].');
  return content.map((entry: unknown, index) => {
    const id = `file-${index + 1}`;
    try {
      if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
        throw new AdminRefusal('it must be an object.');
      return { id, rule: parseFaultRule(entry as Record<string, unknown>) };
    } catch (cause) {
      throw new FaultFileUnusable(
        path,
        `rule ${index + 1}: ${cause instanceof Error ? cause.message : String(cause)}`,
      );
    }
  });
}

/** Tells of every change of the file's content or existence. @returns how to stop. */
export function watchFaultFile(path: string, changed: () => void): () => void {
  const listener = (now: { mtimeMs: number; ino: number; size: number }, before: typeof now): void => {
    if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino || now.size !== before.size) changed();
  };
  watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, listener);
  return () => unwatchFile(path, listener);
}
