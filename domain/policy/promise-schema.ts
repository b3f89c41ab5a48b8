import { z } from 'zod';
import { PROMISE_KINDS, UNPROVEN_KINDS } from '../promises.ts';
import { DURATION_PATTERN } from '../units.ts';

const IN_DURATION = 'a whole number and one of s, m, h, d, for example 24h or 90d,';
const duration = z.string(IN_DURATION).regex(DURATION_PATTERN, IN_DURATION);
const REGION = 'an AWS region such as eu-central-1';
const region = z.string(REGION).regex(/^[a-z]{2}(-[a-z]+)+-\d$/, REGION);
const NAME = 'a name of 2 to 60 letters, digits, dots, hyphens and parentheses';
const SENTENCE = 'the promise as its reader knows it, in words';

const predicate = z.strictObject({
  kind: z
    .enum([...PROMISE_KINDS, ...UNPROVEN_KINDS])
    .describe('What must hold. docs/promises.md says for each kind which statements show it.'),
  every: duration.optional().describe('backed-up: longest time from one backup to the next.'),
  within: duration
    .optional()
    .describe(
      'recovered: a drill must have passed within any such time. removed: after this a point is gone. access: how long it may last.',
    ),
  atLeast: duration.optional().describe('kept: how long every point is kept at least.'),
  atMost: duration.optional().describe('rto, rpo: the longest that any drill may have measured.'),
  count: z
    .int('a whole number from 1 to 10000')
    .min(1, 'a whole number from 1 to 10000')
    .max(10_000, 'a whole number from 1 to 10000')
    .optional()
    .describe('points: how many points of each resource exist at the end of the period.'),
  regions: z
    .array(region)
    .min(1, 'a list of at least one region')
    .optional()
    .describe('residency: the regions in which data may be.'),
});

export const promise = z.strictObject({
  name: z.string(NAME).regex(/^[A-Za-z0-9][A-Za-z0-9.()\- ]{1,59}$/, NAME),
  says: z.string(SENTENCE).regex(/\S.*\s.*\S/, SENTENCE),
  resources: z
    .array(z.string().min(1))
    .min(1, 'a list of at least one resource')
    .optional()
    .describe('Names of the resources that it is about; default: all of them.'),
  holds: z
    .array(predicate)
    .min(1, 'a list of at least one predicate')
    .describe('All of them must hold for the promise to be kept.'),
});

/** A control catalogue: a file of the same promises, one per control. */
export const promiseCatalogue = z.strictObject({
  catalogue: z.string('the name of the catalogue').min(1, 'the name of the catalogue'),
  promises: z.array(promise).min(1, 'a list of at least one promise'),
});
