import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { operationsTable, withTable } from '../src/readme/operations-table.ts';
import { Laboratory } from './support/local-aws.ts';

test('the README lists exactly the operations that have a handler', async () => {
  const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');
  const lab = await Laboratory.start();
  try {
    const table = operationsTable(await lab.aws.operations());
    expect(table).toContain('`PutObject`');
    // If this fails: npx tsx local-aws/src/readme/write.ts
    expect(withTable(readme, table)).toBe(readme);
  } finally {
    await lab.close();
  }
});
