import type { Check as AnyCheck } from '../../check.ts';
import type { CheckContext } from '../../engine.ts';

export { doubt, failure, note, type CheckHooks, type Outcome } from '../../check.ts';

/** One question to a restored database. */
export type Check = AnyCheck<CheckContext>;
