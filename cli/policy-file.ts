import { readFileSync } from 'node:fs';
import { canonicalSha256 } from '../evidence/canonical.ts';
import { formatProblems, parsePolicy, type PolicyProblem } from '../domain/policy/parse.ts';
import { CouldNot } from './exit-status.ts';
import type { LoadedPolicy } from './world.ts';

/** The policy file has problems; `problems` is for programs, the message for people. */
export class PolicyWrong extends CouldNot {
  readonly problems: readonly PolicyProblem[];

  constructor(file: string, problems: readonly PolicyProblem[]) {
    const many = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    super(`${file} has ${many}:\n${formatProblems(problems)}`);
    this.problems = problems;
  }
}

/** @throws CouldNot when the file cannot be read, PolicyWrong when it is no valid policy. */
export function loadPolicy(file: string, warn: (text: string) => void): LoadedPolicy {
  const parsed = parsePolicy(readText(file), file);
  if (!parsed.ok) throw new PolicyWrong(file, parsed.problems);
  if (parsed.warnings.length > 0) warn(`Look at these:\n${formatProblems(parsed.warnings)}`);
  return { file, policy: parsed.policy, policySha256: canonicalSha256(parsed.policy) };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (err) {
    const missing = (err as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CouldNot(
      missing
        ? `There is no policy file ${file}.`
        : `The policy file ${file} cannot be read: ${(err as Error).message}`,
      'Name it with --policy FILE or LIFEBOAT_POLICY; examples/ has some to copy.',
      err,
    );
  }
}
