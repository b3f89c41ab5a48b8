import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { FAILURES } from '../../domain/failure-types.ts';

/** One `## Type` per entry: a paragraph that says what it means, and one that begins with **Do:**. */
function documented(): Record<string, { meaning: string; action: string }> {
  const [, ...sections] = readFileSync('docs/failures.md', 'utf8').split(/^## /m);
  return Object.fromEntries(
    sections.map((section) => {
      const [type = '', meaning = '', action = ''] = section.trim().split('\n\n');
      return [type, { meaning, action: action.replace(/^\*\*Do:\*\* /, '') }];
    }),
  );
}

test('docs/failures.md says of every failure type what the code says, and names no other', () => {
  expect(documented()).toEqual(FAILURES);
});
