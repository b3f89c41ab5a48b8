import { statfsSync } from 'node:fs';

/** Dozens of databases are made, copied and thrown away: where memory has room for their files, they lie there. TMPDIR overrules this. */
const MEMORY = '/dev/shm';
const ROOM_BYTES = 6 * 2 ** 30;
if (process.env.TMPDIR === undefined && freeBytes(MEMORY) >= ROOM_BYTES) process.env.TMPDIR = MEMORY;

function freeBytes(folder) {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return 0; // no such folder, as on macOS
  }
}

/** One runner for every kind of test; its reporter prints the last line. */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts', '<rootDir>/local-aws/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  testSequencer: '<rootDir>/test/support/longest-first.js',
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  reporters: ['default', '<rootDir>/test/support/summary-reporter.js'],
  maxWorkers: 2,
  // Against hangs only: a slow machine is not a failure.
  testTimeout: 240_000,
};
