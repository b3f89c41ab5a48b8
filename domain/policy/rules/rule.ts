import type { PathSegment } from '../problem.ts';
import type { Policy } from '../schema.ts';

/** What a rule has to say about one place of a policy whose shape is right. */
export interface Complaint {
  /** A problem refuses the policy, a warning does not. */
  readonly kind: 'problem' | 'warning';
  readonly path: readonly PathSegment[];
  readonly allowed: string;
  /** What is wrong and what to do; `path` is its subject. */
  readonly message: string;
}

/** Asks whether parts of a policy fit each other. Pure; one file per subject. */
export type Rule = (policy: Policy) => readonly Complaint[];

export function problem(path: readonly PathSegment[], allowed: string, message: string): Complaint {
  return { kind: 'problem', path, allowed, message };
}

export function warning(path: readonly PathSegment[], allowed: string, message: string): Complaint {
  return { kind: 'warning', path, allowed, message };
}
