import type { Policy } from '../domain/policy/schema.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Terminal } from './terminal.ts';

export interface LoadedPolicy {
  readonly file: string;
  readonly policy: Policy;
  /** SHA-256 of the canonical policy: what every statement of a run refers to. */
  readonly policySha256: string;
}

/** All that a verb may touch. Tests pass their own. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly now: () => Date;
  /** Resolves after so many milliseconds. */
  readonly sleep: (ms: number) => Promise<void>;
  /** @throws CouldNot that names file, line, path and what is allowed there. */
  readonly policy: () => LoadedPolicy;
  readonly connect: () => Promise<ControlPlane>;
  /** Calls `handler` at the first Ctrl-C; the returned function takes it back. */
  readonly onInterrupt: (handler: () => void) => () => void;
  /** Who runs the command, for requests that name a person. */
  readonly user: string;
}
