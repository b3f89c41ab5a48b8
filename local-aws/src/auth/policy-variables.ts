/** Values of condition keys by lower-case name. */
export type KnownKeys = ReadonlyMap<string, readonly string[]>;

const VARIABLE = /\$\{\s*([^},\s]+)\s*(?:,\s*'([^']*)'\s*)?\}/g;
const LITERAL: Readonly<Record<string, string>> = { '*': '*', '?': '?', $: '$' };

/** Stands for a literal character of a pattern, so that what a variable brings in is never taken for a wildcard. */
const ESCAPE = { '*': '\ue000', '?': '\ue001' } as const;

/**
 * Policy variables such as `${aws:PrincipalAccount}` or `${aws:PrincipalTag/team, 'none'}`; `${*}`, `${?}` and `${$}` are
 * the characters themselves. @returns undefined when a variable has no value: the text then fits nothing.
 */
export function substitute(text: string, known: KnownKeys): string | undefined {
  if (!text.includes('${')) return text;
  const unknown: string[] = [];
  const result = text.replace(VARIABLE, (_all, name: string, fallback?: string) => {
    const values = known.get(name.toLowerCase());
    // Keys of several values cannot be variables.
    const value = LITERAL[name] ?? (values?.length === 1 ? values[0] : undefined) ?? fallback;
    if (value === undefined) unknown.push(name);
    return escapeWildcards(value ?? '');
  });
  return unknown.length === 0 ? result : undefined;
}

export function escapeWildcards(text: string): string {
  return text.replaceAll('*', ESCAPE['*']).replaceAll('?', ESCAPE['?']);
}

export function unescapeWildcards(text: string): string {
  return text.replaceAll(ESCAPE['*'], '*').replaceAll(ESCAPE['?'], '?');
}
