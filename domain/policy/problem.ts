/** One thing in a policy file that must be changed, or (as a warning) looked at. Lines and columns count from 1. */
export interface PolicyProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `copies[1].lock`; empty for the file as a whole. */
  readonly path: string;
  /** What the file says there, shortened; `nothing` when the key is missing. */
  readonly given: string;
  readonly allowed: string;
  /** What is wrong and what to do, as a sentence without its subject, which is `path`. */
  readonly message: string;
}

/** One line per problem, in the form in which editors and terminals make `file:line:column` a link. */
export function formatProblems(problems: readonly PolicyProblem[]): string {
  return problems
    .map(({ file, line, column, path, message }) => {
      const place = `${file}:${line}:${column}`;
      return path === '' ? `${place} ${message}` : `${place} ${path}: ${message}`;
    })
    .join('\n');
}

export type PathSegment = string | number;

export function pathText(path: readonly PathSegment[]): string {
  return path
    .map((segment, i) => (typeof segment === 'number' ? `[${segment}]` : i === 0 ? segment : `.${segment}`))
    .join('');
}
