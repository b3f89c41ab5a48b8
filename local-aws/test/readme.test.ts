import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { failureModes } from '../src/readme/failure-table.ts';
import { written } from '../src/readme/written.ts';
import { Laboratory } from './support/local-aws.ts';

test('the README lists exactly the operations that have a handler, and the failure modes that have a test', async () => {
  const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');
  const lab = await Laboratory.start();
  try {
    expect(readme).toContain('`PutObject`');
    // If this fails: npx tsx local-aws/src/readme/write.ts
    expect(written(readme, await lab.aws.operations())).toBe(readme);
  } finally {
    await lab.close();
  }
});

test('each of the 71 failure modes has one test, which says what makes it', () => {
  const modes = failureModes();
  expect(modes.map(({ number }) => number)).toEqual(Array.from({ length: 71 }, (_, index) => index + 1));
  expect(modes.find(({ number }) => number === 15)).toEqual({
    ...{ number: 15, what: 'a copy is queued, without any progress' },
    means: ['`fault add stall-job service=rds job=copy-snapshot`', '`advance`'],
  });
  expect(modes.find(({ number }) => number === 30)?.means).toEqual([]);
  expect(modes.find(({ number }) => number === 6)?.means).toEqual(['quota `ManualSnapshots`']);
});
