import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** A failure mode of AWS that a test makes here: `row(number, 'what happens', async () => …)`. */
export interface FailureMode {
  readonly number: number;
  readonly what: string;
  /** Fault rules, quotas and admin calls that the test uses, as one would type them. None: calls of AWS do it. */
  readonly means: readonly string[];
}

const TESTS = fileURLToPath(new URL('../../test', import.meta.url));

/** The README's table of failure modes, read out of the tests themselves. */
export function failureTable(): string {
  const rows = failureModes().map(
    ({ number, what, means }) => `| ${number} | ${what} | ${means.join(', ') || '—'} |`,
  );
  return ['| | what a client meets | made by, beside calls of AWS |', '| --- | --- | --- |', ...rows].join(
    '\n',
  );
}

/** By number. @throws Error when a test has a name that cannot be read without running it, or two have one number */
export function failureModes(folder = TESTS): FailureMode[] {
  const files = readdirSync(folder).filter((name) => /^failure-modes-.*\.test\.ts$/.test(name));
  const found = files
    .flatMap((name) => modesIn(name, readFileSync(join(folder, name), 'utf8')))
    .sort((a, b) => a.number - b.number);
  const twice = found.find(({ number }, index) => found[index + 1]?.number === number);
  if (twice) throw new Error(`Two tests are about failure mode ${twice.number}.`);
  return found;
}

function modesIn(file: string, text: string): FailureMode[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  return callsIn(source)
    .filter((call) => call.expression.getText() === 'row')
    .map((call) => {
      const [number, what, body] = call.arguments;
      if (!number || !what || !body || !ts.isNumericLiteral(number) || !ts.isStringLiteralLike(what))
        throw new Error(
          `${file}: row(…) needs a number, a sentence and a test: ${call.getText().slice(0, 80)}`,
        );
      const means = callsIn(body).flatMap((one) => meansOf(one) ?? []);
      return { number: Number(number.text), what: what.text, means: [...new Set(means)] };
    });
}

function callsIn(node: ts.Node): ts.CallExpression[] {
  const found: ts.CallExpression[] = [];
  const visit = (one: ts.Node): void => {
    if (ts.isCallExpression(one)) found.push(one);
    ts.forEachChild(one, visit);
  };
  visit(node);
  return found;
}

/** What a call of the test's laboratory does to the server, beside what any client of AWS could do. */
function meansOf({ expression, arguments: [first, second, third] }: ts.CallExpression): string | undefined {
  const name = ts.isPropertyAccessExpression(expression) ? expression.name.text : '';
  const text = (node: ts.Node | undefined) => (node && ts.isStringLiteralLike(node) ? node.text : '…');
  if (name === 'fault' && first) return `\`fault add ${ruleOf(first)}\``;
  if (name === 'quota' && second?.getText() !== '-1') return `quota \`${text(first)}\``;
  if (name === 'advance') return '`advance`';
  if (name !== 'admin' || text(first) === 'GET' || !second) return undefined;
  const kind = third && membersOf(third).find(([member]) => member === 'kind')?.[1];
  return text(second) === '/damage' ? `\`damage ${kind ?? '…'}\`` : `\`POST ${text(second)}\``;
}

function ruleOf(rule: ts.Node): string {
  const members = membersOf(rule);
  const kind = members.find(([name]) => name === 'kind')?.[1] ?? '…';
  return [kind, ...members.flatMap(([name, value]) => (name === 'kind' ? [] : `${name}=${value}`))].join(' ');
}

/** Names and values; what is not written out is `…`. */
function membersOf(node: ts.Node): [string, string][] {
  if (!ts.isObjectLiteralExpression(node)) return [];
  return node.properties.flatMap((one): [string, string][] => {
    if (ts.isSpreadAssignment(one)) return membersOf(one.expression);
    if (!ts.isPropertyAssignment(one)) return [[one.name.getText(), '…']];
    const { initializer: value } = one;
    if (ts.isStringLiteralLike(value))
      return [[one.name.getText(), value.text.includes(' ') ? `"${value.text}"` : value.text]];
    const plain = ts.isNumericLiteral(value) || ts.isPrefixUnaryExpression(value);
    return [[one.name.getText(), plain ? value.getText() : '…']];
  });
}
