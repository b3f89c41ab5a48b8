import { fileURLToPath } from 'node:url';

/** The root of the checkout. */
export const PROJECT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Arguments for node that run a TypeScript file of this project in one process, so that signals reach it directly. */
export function typescript(file: string, ...args: readonly string[]): string[] {
  return ['--import', import.meta.resolve('tsx'), `${PROJECT}/${file}`, ...args];
}
