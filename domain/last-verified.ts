import type { FingerprintRef } from './facts.ts';
import type { Instant } from './units.ts';

/** A recovery point that a drill has proven, and what was known of its source. */
export interface LastVerified {
  /** The slot of the drill. */
  readonly slot: Instant;
  readonly pointArn: string;
  readonly fingerprints: { readonly before: FingerprintRef; readonly after: FingerprintRef };
}
