import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { ROLES } from '../../scripts/landing-zone/roles.ts';
import { policyDocument } from '../../scripts/landing-zone/templates.ts';

interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Principal?: unknown;
}

const FOLDER = fileURLToPath(new URL('../../infra/iam', import.meta.url));
const files = (await readdir(FOLDER, { recursive: true })).filter((name) => name.endsWith('.json')).sort();
const documents = new Map<string, { text: string; statements: readonly Statement[] }>();
for (const file of files) {
  const text = await readFile(`${FOLDER}/${file}`, 'utf8');
  documents.set(file, { text, statements: (JSON.parse(text) as { Statement: Statement[] }).Statement });
}
const readme = await readFile(`${FOLDER}/README.md`, 'utf8');
const list = (value: string | readonly string[] = []): readonly string[] =>
  typeof value === 'string' ? [value] : value;
const permissions = [...documents].filter(([file]) => file.endsWith('.permissions.json'));

test('every role has both documents, and there is no document without a role', () => {
  const expected = ROLES.flatMap(({ account, name }) => [
    `${account}/${name}.permissions.json`,
    `${account}/${name}.trust.json`,
  ]);
  expect(files.filter((file) => /permissions|trust/.test(file))).toEqual(expected.sort());
});

test('every statement says by its name what it is for', () => {
  for (const [file, { statements }] of documents) {
    expect(statements.length).toBeGreaterThan(0);
    for (const { Sid } of statements)
      expect({ file, Sid }).toEqual({ file, Sid: expect.stringMatching(/^[A-Z][A-Za-z]{3,}$/) });
  }
});

test('no role may do everything, on anything, by a wildcard', () => {
  for (const [file, { statements }] of permissions) {
    for (const { Action, Effect } of statements.filter((statement) => statement.Effect === 'Allow')) {
      const wide = list(Action).filter(
        (action) => action.includes('*') && !/^kms:(ReEncrypt|GenerateDataKey)\*$/.test(action),
      );
      expect({ file, Effect, wide }).toEqual({ file, Effect: 'Allow', wide: [] });
    }
  }
});

test('on all resources at once a role may only look', () => {
  for (const [file, { statements }] of permissions) {
    const onAll = statements.filter(
      ({ Effect, Resource }) => Effect === 'Allow' && list(Resource).includes('*'),
    );
    const acts = onAll
      .flatMap(({ Action }) => list(Action))
      .filter((action) => !/:(Describe|List|Get)/.test(action));
    expect({ file, acts }).toEqual({ file, acts: [] });
  }
});

test('only probers may read secrets', () => {
  for (const [file, { statements }] of permissions) {
    const allowed = statements
      .filter(({ Effect }) => Effect === 'Allow')
      .flatMap(({ Action }) => list(Action));
    const reads = allowed.includes('secretsmanager:GetSecretValue');
    expect({ file, reads }).toEqual({ file, reads: file.includes('lifeboat-prober') });
  }
});

test('points may be deleted where they are given back, in the relay and in the transit vault, and nowhere else', () => {
  const where = permissions.flatMap(([, { statements }]) =>
    statements
      .filter(
        ({ Effect, Action }) => Effect === 'Allow' && list(Action).includes('backup:DeleteRecoveryPoint'),
      )
      .flatMap(({ Resource }) => list(Resource)),
  );
  expect(new Set(where.map((arn) => arn.split(':').slice(3, 5).join(':')))).toEqual(
    new Set(['${RECOVERY_REGION}:${DRILL_ACCOUNT}', '${RECOVERY_REGION}:${PRODUCTION_ACCOUNT}']),
  );
});

test('every placeholder is explained, and a document with a hole in it is refused', async () => {
  const used = new Set(
    [...documents.values()].flatMap(({ text }) =>
      [...text.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name]) => name!),
    ),
  );
  const explained = new Set(
    [...readme.slice(0, readme.indexOf('## Roles')).matchAll(/`([A-Z_]{5,})`/g)].map(([, name]) => name!),
  );
  expect([...used].sort()).toEqual([...explained].sort());
  await expect(policyDocument('vaults/lifeboat.json', {})).rejects.toThrow(
    'needs a value for PRODUCTION_ACCOUNT',
  );
});
