import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { sealStatement } from '../../evidence/seal.ts';
import { statementOf } from '../../evidence/statement.ts';
import { evidenceSchemas } from '../../scripts/write-evidence-schemas.ts';
import { newSigner } from './evidence-export.ts';
import { drillFact, nightFact, protectionFact, SLOT } from './evidence-facts.ts';
import type { Fact } from '../../domain/facts.ts';

const SCHEMAS = new URL('../../evidence/schemas/', import.meta.url);

function schemaOf(kind: string): z.ZodType {
  const text = readFileSync(new URL(`${kind}.v1.json`, SCHEMAS), 'utf8');
  return z.fromJSONSchema(JSON.parse(text) as Parameters<typeof z.fromJSONSchema>[0]);
}

test('the schemas are those of the types: none is missing, stale or too many', async () => {
  const expected = await evidenceSchemas();
  const stale = [...expected].filter(([name, text]) => text !== readFileSync(new URL(name, SCHEMAS), 'utf8'));
  expect(stale.map(([name]) => `${name}: run npx tsx scripts/write-evidence-schemas.ts`)).toEqual([]);
  expect(readdirSync(SCHEMAS).sort()).toEqual([...expected.keys()].sort());
});

const FACTS: readonly Fact[] = [
  drillFact(),
  protectionFact(),
  nightFact(),
  { type: 'policy-applied', policy: 'sample', policySha256: 'ab'.repeat(32), resources: ['orders'] },
  { type: 'retention', policy: 'sample', slot: SLOT, awsNow: SLOT, vaults: [] },
];

test.each(FACTS.map((fact) => [fact.type, fact] as const))(
  'a statement of the kind %s fits its schema',
  (kind, fact) => {
    const statement = statementOf(fact, { scope: 'a', name: 'b' }, []);
    expect(schemaOf(kind).safeParse(statement)).toMatchObject({ success: true });
    expect(schemaOf(kind).safeParse({ ...statement, subject: [] }).success).toBe(false);
    const incomplete = { ...fact, policy: undefined };
    expect(schemaOf(kind).safeParse({ ...statement, predicate: incomplete }).success).toBe(false);
  },
);

test('a seal fits its schema', () => {
  const statement = sealStatement({
    sequence: 1,
    previous: null,
    openedAt: SLOT,
    sealedAt: SLOT,
    night: nightFact(),
    statements: [{ key: 'statements/a.json', versionId: 'v', sha256: 'ab'.repeat(32), writtenAt: SLOT }],
    keys: [newSigner().key],
    irregularities: [],
  });
  expect(schemaOf('seal').safeParse(statement)).toMatchObject({ success: true });
  const wrong = { ...statement, predicate: { ...statement.predicate, sequence: 'one' } };
  expect(schemaOf('seal').safeParse(wrong).success).toBe(false);
});
