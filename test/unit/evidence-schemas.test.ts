import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { sealStatement } from '../../evidence/seal.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { statementBytes, statementOf } from '../../evidence/statement.ts';
import { KINDS, problemsOf, sentenceOf, STATEMENT_KINDS } from '../../evidence/statement-kinds.ts';
import { decodeEnvelope, PREDICATE_BASE } from '../../evidence/verifier/envelope.ts';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import { VERSION } from '../../domain/version.ts';
import { evidenceSchemas } from '../../scripts/write-evidence-schemas.ts';
import { newSigner } from './evidence-export.ts';
import { ONE_OF_EACH } from './evidence-claims.ts';
import { drillFact, nightFact, SLOT } from './evidence-facts.ts';
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

test.each(KINDS)('a statement of the kind %s fits its schema, and can be said in a sentence', (kind) => {
  const fact: Fact = ONE_OF_EACH[kind];
  const recordedBy = { tool: 'lifeboat', version: VERSION, confidence: 'local' } as const;
  const statement = statementOf(fact, { scope: 'a', name: 'b' }, [], recordedBy);
  expect(problemsOf(statementBytes(statement))).toEqual([]);
  expect(problemsOf(canonicalBytes({ ...statement, subject: [] }))).not.toEqual([]);
  const { policy, ...incomplete } = fact;
  expect(problemsOf(canonicalBytes({ ...statement, predicate: incomplete })).join()).toContain(
    'predicate.policy',
  );
  expect(sentenceOf(fact)).toMatch(/^[A-Zaog0-9].*\.$/);
  expect(sentenceOf(fact)).not.toMatch(/undefined|NaN|\[object|\.\.$/);
  expect(sentenceOf({ ...fact, policy })).toBe(sentenceOf(fact));
});

test('a statement that says of its program something else than the schema allows does not fit', () => {
  const recordedBy = { tool: 'lifeboat', version: VERSION, confidence: 'sure' } as never;
  const statement = statementOf(ONE_OF_EACH.drill, { scope: 'a', name: 'b' }, [], recordedBy);
  expect(problemsOf(statementBytes(statement)).join()).toContain('confidence');
});

test('what a later version may say is not taken for something known', () => {
  const later = {
    ...statementOf(drillFact(), { scope: 'a', name: 'b' }, []),
    predicateType: `${PREDICATE_BASE}drill/v2`,
  };
  expect(problemsOf(canonicalBytes(later))).toEqual([expect.stringContaining('not of a kind')]);
});

test('docs/evidence.md says of every kind whether something writes it', () => {
  const page = readFileSync(new URL('../../docs/evidence.md', import.meta.url), 'utf8');
  for (const kind of KINDS) {
    const row = new RegExp(`^\\| \`${kind}\` .*$`, 'm').exec(page)?.[0] ?? '';
    const { writtenBy, toldBy } = STATEMENT_KINDS[kind];
    expect([kind, row.includes('nothing yet')]).toEqual([kind, writtenBy === null]);
    for (const said of [writtenBy, toldBy])
      if (said != null) expect([kind, row.includes(said)]).toEqual([kind, true]);
  }
});

test('the version that statements name is that of the package', () => {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect((JSON.parse(manifest) as { version: string }).version).toBe(VERSION);
});

test('an export of release 0.1, whose statements lack what was added since, verifies and fits the schemas', () => {
  const dir = mkdtempSync(join(tmpdir(), 'release-0.1-'));
  const packed = readFileSync(new URL('evidence-release-0.1.txt', import.meta.url), 'utf8');
  const files = Object.entries(JSON.parse(packed) as Record<string, string>);
  for (const [path, content] of files) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content, 'base64');
  }
  expect(verifyExport(dir)).toMatchObject({
    verdict: 'verified',
    findings: [],
    examined: { statements: 10 },
  });
  const statements = files.filter(([path]) => /^(statements|seals)\//.test(path));
  expect(statements).toHaveLength(12);
  for (const [path, content] of statements)
    expect([path, problemsOf(decodeEnvelope(Buffer.from(content, 'base64')).payload)]).toEqual([path, []]);
  const { status } = spawnSync(process.execPath, [join(dir, 'verify.mjs')]);
  expect(status).toBe(0);
  rmSync(dir, { recursive: true });
});

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
