const compiled = new Map<string, RegExp>();

/** `*` is any text, `?` any one character; everything else is literal. */
export function matchesPattern(pattern: string, text: string): boolean {
  if (pattern === '*') return true;
  let regex = compiled.get(pattern);
  if (!regex) {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.');
    regex = new RegExp(`^${source}$`, 's');
    if (compiled.size > 5000) compiled.clear();
    compiled.set(pattern, regex);
  }
  return regex.test(text);
}

/** Actions are compared without regard to case. */
export function matchesAction(pattern: string, action: string): boolean {
  return matchesPattern(pattern.toLowerCase(), action.toLowerCase());
}
