import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import { Context } from '@temporalio/activity';

const BEAT_MS = 5_000;

/**
 * Beats for every activity while it runs, so that the loss of a worker is seen within the heartbeat time-out and not at the end of the
 * step. It says that the process lives; whether the step gets anywhere is bounded by its own deadline.
 */
export function beating(): { inbound: ActivityInboundCallsInterceptor } {
  return {
    inbound: {
      async execute(input, next) {
        const context = Context.current();
        const timer = setInterval(() => context.heartbeat(), BEAT_MS);
        try {
          return await next(input);
        } finally {
          clearInterval(timer);
        }
      },
    },
  };
}
