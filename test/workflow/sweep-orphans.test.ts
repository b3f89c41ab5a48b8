import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { fakeSite, somePolicy, type SiteOptions } from '../support/fake-site.ts';
import { timeSkippingEnvironment } from '../support/temporal.ts';
import { quietRuntime, serving } from './site.ts';

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  quietRuntime();
  env = await timeSkippingEnvironment();
});
afterAll(async () => env.teardown());

const orphans: SiteOptions['orphans'] = {
  remove: [
    {
      what: 'copy',
      kind: 'rds-instance',
      name: 'lb-drill-a',
      arn: 'arn:copy',
      drill: 'drill/a',
      why: 'expired',
    },
    { what: 'transit-point', kind: null, name: 'arn:point', arn: 'arn:point', drill: '', why: 'still there' },
  ],
  refused: [{ arn: 'arn:foreign', why: 'not ours' }],
};

async function sweep(options: SiteOptions) {
  const site = fakeSite(options);
  const request = { policy: somePolicy(), policySha256: 'ff' };
  const result = await serving(env, site, async (start) => (await start('sweepOrphans', request)).result());
  return { ...site, result };
}

test('what drills left behind is removed, and what only looks like ours is named', async () => {
  const { result, statements } = await sweep({ orphans });
  expect(result).toMatchObject({ removed: ['arn:copy', 'arn:point'], refused: ['arn:foreign'] });
  expect(statements).toHaveLength(1);
});

test('an orphan that cannot be removed does not keep the others', async () => {
  const { statements } = await sweep({ orphans, refuse: { deleteCopy: 'ForeignResource' } });
  expect(statements).toMatchObject([
    {
      removed: [
        { arn: 'arn:copy', absent: false },
        { arn: 'arn:point', absent: true },
      ],
    },
  ]);
});

test('an hour in which there is nothing to do leaves no statement', async () => {
  const { result, statements } = await sweep({});
  expect(result).toEqual({ removed: [], refused: [], statement: null });
  expect(statements).toEqual([]);
});
