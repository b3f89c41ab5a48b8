import { CancellationScope, log } from '@temporalio/workflow';
import { isStepFailure, reasonOf } from './reasons.ts';
import type { Tracker } from './progress.ts';
import type { TeardownFact } from '../domain/facts.ts';

type Proof = TeardownFact['removed'][number];

/** Registers what undoes a step, before the step is taken: a step may succeed and lose its reply. */
export type OnExit = (what: string, undo: () => Promise<readonly Proof[]>) => void;

/**
 * Runs `body`, then everything it registered, newest first, whether it ended well, badly or was cancelled. The undo steps
 * themselves cannot be cancelled. One that fails is reported with what it was to remove, and does not stop the others.
 * @returns how `body` ended, and the proof of what was removed.
 */
export async function withCleanup<T>(
  body: (onExit: OnExit) => Promise<T>,
  progress: Tracker,
): Promise<{
  readonly ended: { readonly value: T } | { readonly error: unknown };
  readonly teardown: TeardownFact;
}> {
  const steps: { what: string; undo: () => Promise<readonly Proof[]> }[] = [];
  const ended = await settle(body((what, undo) => steps.unshift({ what, undo })));
  const removed: Proof[] = [];
  await CancellationScope.nonCancellable(() =>
    progress.step('teardown', async () => {
      for (const { what, undo } of steps) {
        try {
          removed.push(...(await undo()));
        } catch (error) {
          if (!isStepFailure(error)) throw error;
          log.error('cleanup failed', { what });
          removed.push({ what, absent: false, seen: reasonOf(error) });
        }
      }
    }),
  );
  return { ended, teardown: { complete: removed.every(({ absent }) => absent), removed } };
}

async function settle<T>(work: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}
