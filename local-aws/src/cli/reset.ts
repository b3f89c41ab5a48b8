import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openStateFolder, StateUnusable } from '../state-folder.ts';

/** Deletes a state folder, if it is one and nobody uses it. */
export function reset({ state }: { readonly state: string }): void {
  if (!existsSync(state)) {
    process.stdout.write(`There is no state in ${state}.\n`);
    return;
  }
  if (readdirSync(state).length > 0 && !existsSync(join(state, 'clock.journal'))) {
    throw new StateUnusable(
      `${state} does not look like a state folder of local-aws (no clock.journal in it); nothing was deleted.`,
    );
  }
  const folder = openStateFolder(state);
  rmSync(folder.path, { recursive: true, force: true });
  process.stdout.write(`All state in ${folder.path} is deleted.\n`);
}
