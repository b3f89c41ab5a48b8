import { type Check, doubt } from './check.ts';
import { compareSummaries } from './anomaly-compare.ts';

/** Does it look like the last verified point? Asks no database: both summaries are in the fingerprints. */
export const anomaly: Check = {
  id: 'anomaly',
  question: 'Do the data look like those of the last verified point?',

  async run({ after, lastVerified }) {
    const nothing = {
      findings: [],
      examined: [{ unit: 'tables' as const, examined: 0, total: 0, knownEmpty: true }],
    };
    if (lastVerified === undefined) {
      const message = 'the fingerprint of the last verified point was not looked for';
      return {
        ...nothing,
        findings: [doubt('nothing-to-compare', message)],
        notTested: ['whether data jumped'],
      };
    }
    if (lastVerified === null)
      return {
        ...nothing,
        notTested: [
          'whether data jumped: no point was verified before this one, or its fingerprint is no longer there',
        ],
      };
    const parts = after.databases.flatMap(({ name, summaries }) => {
      const last = lastVerified.databases.find((database) => database.name === name)?.summaries;
      return summaries === undefined || last === undefined ? [] : [compareSummaries(name, last, summaries)];
    });
    const compared = parts.reduce((n, part) => n + part.compared, 0);
    const total = after.databases.reduce((n, { summaries = [] }) => n + summaries.length, 0);
    return {
      findings: parts.flatMap(({ findings }) => findings),
      // A table that is new has nothing to be compared with.
      examined: [
        { unit: 'tables', examined: compared, total: compared, ...(total === 0 ? { knownEmpty: true } : {}) },
      ],
      notTested: [
        ...(compared < total ? [`${total - compared} tables that the last verified point did not have`] : []),
        'more than a sample of about 5 000 rows per table',
      ],
      measured: {
        tablesCompared: compared,
        comparedWith: lastVerified.takenAt,
        warnings: parts.reduce((n, { findings }) => n + findings.length, 0),
      },
    };
  },
};
