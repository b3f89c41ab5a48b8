import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { healthyRound } from '../../scripts/lab/healthy.ts';
import { STORM_SETTINGS, type Storm, fillStormySource, storm } from '../../scripts/lab/storm.ts';
import { ProbeLab } from '../support/probe-lab.ts';

// The fast part of `npm run lab -- healthy`, which does as many rounds as one likes.
let lab: ProbeLab;
let source: PostgresServer;
let load: Storm;

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
  const { status, reasons, errors, provenRows, notExaminedRows } = await healthyRound(lab, source, n);
  expect({ status, reasons, errors }).toEqual({ status: 'passed', reasons: [], errors: [] });
  expect(notExaminedRows).toBe(0);
  expect(provenRows).toBeGreaterThan(0);
});

test('the load was one', async () => {
  expect(await load.stop()).toBeGreaterThan(30);
});
