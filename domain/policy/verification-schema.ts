import { z } from 'zod';
import { DURATION_PATTERN } from '../units.ts';

const IN_DURATION = 'a whole number and one of s, m, h, d, for example 30s or 5m,';
const duration = z.string(IN_DURATION).regex(DURATION_PATTERN, IN_DURATION);
const NAME = 'a name of 2 to 60 lower-case letters, digits and hyphens';
const checkName = z.string(NAME).regex(/^[a-z][a-z0-9-]{1,59}$/, NAME);
const SENTENCE = 'a sentence in words';
const sentence = z.string(SENTENCE).regex(/\S.*\s.*\S/, SENTENCE);
const anyText = z.string('a text').min(1, 'a text that is not empty');
const wholeNumber = (min: number, max: number): z.ZodNumber => {
  const allowed = `a whole number from ${min} to ${max}`;
  return z.int(allowed).min(min, allowed).max(max, allowed);
};
const TIME_OF_DAY = 'a time of day such as 07:30';
const timeOfDay = z.string(TIME_OF_DAY).regex(/^([01]\d|2[0-3]):[0-5]\d$/, TIME_OF_DAY);

export const COMPARISONS = ['=', '<>', '<', '<=', '>', '>='] as const;

/** A question in SQL that the restored copy must answer as written. Neither the answer nor the database's words leave the prober. */
export const assertion = z.strictObject({
  name: checkName,
  says: sentence.describe('What holds when the answer is right, in words.'),
  database: anyText.optional().describe('The database to ask; default: the first one of the instance.'),
  sql: anyText.describe('One SELECT. It runs read only, with a time limit, and sees every row.'),
  counts: z
    .enum(['value', 'rows'])
    .default('value')
    .describe('What is compared: the only value of the only row, or the number of rows.'),
  is: z.enum(COMPARISONS).default('='),
  than: z.union([z.number(), z.string()], 'a number or a text').describe('What it is compared with.'),
  tolerance: z
    .strictObject({
      by: z.number('a number above 0').positive('a number above 0'),
      reason: sentence.describe('Why the answer may be off by that much.'),
    })
    .optional()
    .describe('By how much a number may miss, and why.'),
  timeout: duration.default('60s'),
});

/** A question to an application that works on the restored copy. */
export const applicationCheck = z.strictObject({
  name: checkName,
  says: sentence.describe('What holds when the application is content, in words.'),
  http: z
    .strictObject({
      url: z.url({ protocol: /^https?$/, error: 'an address that begins with http:// or https://' }),
      timeout: duration.default('60s'),
    })
    .optional()
    .describe(
      'Is sent {"host", "port"} of the copy by POST, from the drill network, and must answer 2xx with {"passed": true, "examined": N}.',
    ),
  command: z
    .strictObject({ image: anyText, arguments: z.array(z.string()).default([]) })
    .optional()
    .describe('A command in a container image. Not implemented yet: the check is inconclusive and says so.'),
});

/** How much of the source's strength a fingerprint may take. */
export const load = z.strictObject({
  workers: wholeNumber(1, 16).optional().describe('Sessions that read at once; default: 2.'),
  rowsPerSecond: wholeNumber(1, 1_000_000_000).optional().describe('Over all sessions; default: no limit.'),
  statementTimeout: duration.optional().describe('Longest single question; default: 5m.'),
  quietHours: z
    .array(z.strictObject({ from: timeOfDay, to: timeOfDay }))
    .optional()
    .describe("Hours in which the source is not read at all, in the schedule's time zone."),
  everyNights: wholeNumber(1, 365)
    .optional()
    .describe(
      'Reads one part of each large table per night, so that all of it has been read after so many nights.',
    ),
  rereadWithin: wholeNumber(2, 365)
    .optional()
    .describe(
      'Blocks that provably hold the same rows as in the last verified night are not read again; each part of a table is read in full once within so many nights. Default: everything is read every night.',
    ),
  replica: anyText
    .optional()
    .describe(
      'A read replica to take fingerprints from. Not implemented: it is refused, and docs/verification.md says what is missing.',
    ),
  stopWhen: z
    .strictObject({
      measure: z
        .enum(['answer-time', 'waiting-sessions'])
        .describe(
          'How long a one-row question takes in milliseconds, or how many sessions wait for locks or disks.',
        ),
      above: z.number('a number above 0').positive('a number above 0'),
      for: duration
        .default('10s')
        .describe('How long it must stay above before reading stops for this night.'),
    })
    .optional()
    .describe('When reading stops by itself because the source suffers. What was not read is named.'),
});

export type Assertion = z.output<typeof assertion>;
export type ApplicationCheck = z.output<typeof applicationCheck>;
export type Load = z.output<typeof load>;
