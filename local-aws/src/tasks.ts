import type { Logger } from 'pino';
import type { Tasks } from './platform.ts';

/** Background work: failures are logged by name, everything is aborted and awaited at close. */
export function createTasks(log: Logger): Tasks & { abort: () => void; stop: () => Promise<void> } {
  const abort = new AbortController();
  const running = new Set<Promise<void>>();
  return {
    run(name, task) {
      if (abort.signal.aborted) return;
      const work = task(abort.signal).catch((err: unknown) => {
        if (!abort.signal.aborted) log.error({ err, task: name }, 'background task failed');
      });
      running.add(work);
      void work.finally(() => running.delete(work));
    },
    async idle() {
      while (running.size > 0) await Promise.allSettled(running);
    },
    abort: () => abort.abort(new Error('local AWS is stopping')),
    async stop() {
      this.abort();
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}
