import { afterAll, expect, test } from '@jest/globals';
import { killRepeatedly } from './support/kills/rounds.ts';
import { temporaryState } from './support/local-aws.ts';

const folder = temporaryState();
afterAll(() => folder.dispose());

// `npm run bench -- local-aws-kills --count 300` does the same for longer.
test('what was answered 2xx is there after kill -9 at any moment, and at named points of the work', async () => {
  const report = await killRepeatedly({ folder: folder.path, count: 6, seed: 'durability' });
  expect(report.broken).toEqual([]);
  expect(report.kills).toBeGreaterThanOrEqual(6);
  expect(Object.keys(report.ways).length).toBeGreaterThan(2);
  expect(report.answered).toBeGreaterThan(100);
}, 600_000);
