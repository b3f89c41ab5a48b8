import { unescapeWildcards } from './policy-variables.ts';

const compiled = new Map<string, RegExp>();

/** `*` is any text, `?` any one character; everything else is literal, also wildcards that a variable brought in. */
export function matchesPattern(pattern: string, text: string): boolean {
  if (pattern === '*') return true;
  let regex = compiled.get(pattern);
  if (!regex) {
    const source = pattern
      .split(/([*?])/)
      .map((part) => (part === '*' ? '.*' : part === '?' ? '.' : literal(unescapeWildcards(part))))
      .join('');
    regex = new RegExp(`^${source}$`, 's');
    if (compiled.size > 5000) compiled.clear();
    compiled.set(pattern, regex);
  }
  return regex.test(text);
}

function literal(text: string): string {
  return text.replace(/[.+^${}()|[\]\\*?]/g, '\\$&');
}

/** Actions are compared without regard to case. */
export function matchesAction(pattern: string, action: string): boolean {
  return matchesPattern(pattern.toLowerCase(), action.toLowerCase());
}

/** ARNs are compared part by part: a wildcard does not reach over a colon, except in the last part. */
export function matchesArn(pattern: string, arn: string): boolean {
  const wanted = arnParts(pattern);
  const actual = arnParts(arn);
  if (wanted.length < 6 || actual.length < 6) return pattern === '*' || pattern === arn;
  return wanted.every((part, index) => matchesPattern(part, actual[index] ?? ''));
}

function arnParts(arn: string): string[] {
  const parts = arn.split(':');
  return parts.length < 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')];
}
