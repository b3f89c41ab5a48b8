import Sequencer from '@jest/test-sequencer';

/** Files that take minutes, longest first: whichever comes last keeps one worker busy while the other has nothing left to do. */
const LONGEST = [
  'test/integration/start-night.test.ts',
  'test/integration/kills.test.ts',
  'test/unit/evidence-mutations-many.test.ts',
  'test/integration/night.test.ts',
  'test/integration/probe-damage.test.ts',
  'local-aws/test/command.test.ts',
  'local-aws/test/rds-clusters-restart.test.ts',
  'local-aws/test/pg-damage.test.ts',
  'test/integration/probe-versions.test.ts',
  'test/integration/probe-load.test.ts',
];

/** Without knowledge from an earlier run, as on a fresh machine, Jest would go by the size of the files. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const place = ({ path }) => {
      const found = LONGEST.findIndex((file) => path.endsWith(`/${file}`));
      return found < 0 ? LONGEST.length : found;
    };
    return super.sort(tests).sort((a, b) => place(a) - place(b));
  }
}
