import { LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { explain } from './explain.ts';
import { pathText } from './problem.ts';
import type { PolicyProblem } from './problem.ts';
import { RULES } from './rules/index.ts';
import type { Complaint } from './rules/rule.ts';
import { policySchema } from './schema.ts';
import type { Policy } from './schema.ts';
import { sourceMap } from './source-map.ts';
import type { SourceMap } from './source-map.ts';

export { formatProblems } from './problem.ts';
export type { PolicyProblem } from './problem.ts';

export type ParsedPolicy =
  | { readonly ok: true; readonly policy: Policy; readonly warnings: readonly PolicyProblem[] }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

/**
 * Reads a policy file. Finds every problem that it can in one go: first of the YAML, then of the shape, then of what the parts say about
 * each other; each stage needs the one before. Never throws.
 * @param file the name to show; nothing is read from it.
 */
export function parsePolicy(text: string, file: string): ParsedPolicy {
  const lines = new LineCounter();
  const doc = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    strict: true,
    uniqueKeys: true,
  });
  if (doc.errors.length > 0) return { ok: false, problems: yamlProblems(doc, lines, text, file) };

  const map = sourceMap(doc, lines);
  const read = toPlain(doc);
  if ('refused' in read) {
    const message = `the YAML cannot be read: ${read.refused}`;
    return {
      ok: false,
      problems: [{ file, line: 1, column: 1, path: '', given: 'YAML', allowed: 'plain YAML', message }],
    };
  }
  const parsed = policySchema.safeParse(read.plain ?? {});
  if (!parsed.success) return { ok: false, problems: inOrder(explain(parsed.error.issues, map, file)) };

  const complaints = RULES.flatMap((rule) => rule(parsed.data));
  const located = (kind: Complaint['kind']): PolicyProblem[] =>
    inOrder(
      complaints
        .filter((complaint) => complaint.kind === kind)
        .map((complaint) => locate(complaint, map, file)),
    );
  const problems = located('problem');
  return problems.length > 0
    ? { ok: false, problems }
    : { ok: true, policy: parsed.data, warnings: located('warning') };
}

function locate({ path, message, allowed }: Complaint, map: SourceMap, file: string): PolicyProblem {
  return { file, ...map.place(path), path: pathText(path), given: map.given(path), allowed, message };
}

function yamlProblems(doc: Document.Parsed, lines: LineCounter, text: string, file: string): PolicyProblem[] {
  return doc.errors.map(({ pos: [from], code, message }) => {
    const { line, col } = lines.linePos(from);
    const said = text.split('\n')[line - 1]?.trim() ?? '';
    const key = said.split(':')[0] ?? '';
    const what =
      code === 'DUPLICATE_KEY'
        ? `the key ${key} is given twice; keep one of the two`
        : `not valid YAML: ${message.replace(/\.$/, '')}`;
    return { file, line, column: col, path: '', given: said, allowed: 'valid YAML', message: what };
  });
}

/** Aliases are allowed, but not a file that grows without bound when they are followed. */
function toPlain(doc: Document.Parsed): { plain: unknown } | { refused: string } {
  try {
    return { plain: doc.toJS({ maxAliasCount: 100 }) as unknown };
  } catch (err) {
    return { refused: err instanceof Error ? err.message : String(err) };
  }
}

function inOrder(problems: readonly PolicyProblem[]): PolicyProblem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
}
