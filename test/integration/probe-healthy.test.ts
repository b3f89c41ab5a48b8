import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { healthyRound, type Memory } from '../../scripts/lab/healthy.ts';
import { STORM_SETTINGS, type Storm, fillStormySource, storm } from '../../scripts/lab/storm.ts';
import { ProbeLab } from '../support/probe-lab.ts';

// The fast part of `npm run lab -- healthy`, which does as many rounds as one likes.
let lab: ProbeLab;
let source: PostgresServer;
let load: Storm;
/** Each round knows the one before, and does not read again what did not change at the source. */
const memory: Memory = {};
let remembered = 0;

beforeAll(async () => {
  lab = await ProbeLab.open();
  source = await lab.source(STORM_SETTINGS);
  await fillStormySource(lab, source);
  load = await storm(lab, source);
});

afterAll(async () => {
  await load.stop();
  await lab.end();
});

test.each([1, 2, 3])('round %i: a copy of a database under hostile load passes every check', async (n) => {
  const { status, reasons, errors, provenRows, notExaminedRows, rememberedRows } = await healthyRound(
    lab,
    source,
    n,
    memory,
  );
  expect({ status, reasons, errors }).toEqual({ status: 'passed', reasons: [], errors: [] });
  expect(notExaminedRows).toBe(0);
  expect(provenRows).toBeGreaterThan(0);
  remembered += rememberedRows;
});

test('not every row was read again in every round', () => {
  expect(remembered).toBeGreaterThan(20_000);
});

test('the load was one', async () => {
  expect(await load.stop()).toBeGreaterThan(30);
});
