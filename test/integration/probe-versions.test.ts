import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { STANDARD_CHECKS, judge } from '../../domain/verdict.ts';
import { HAS_OTHER_MAJORS, OTHER_MAJORS, embeddedEdition } from '../../scripts/lab/editions.ts';
import { fillSource, writeSome } from '../../scripts/lab/source.ts';
import { ProbeLab, runChecks, sql } from '../support/probe-lab.ts';
import { DATABASE } from '../support/probe-sample.ts';

// Every other test uses the newest; `npm run lab -- damage --postgres 13` attacks another one at length.
const onLinux = HAS_OTHER_MAJORS ? test : test.skip;
if (!HAS_OTHER_MAJORS)
  process.stderr.write('SKIPPED: PostgreSQL 13 to 17 are installed for these tests on Linux x64 only.\n');

onLinux.each(OTHER_MAJORS)(
  'a busy PostgreSQL %i: its copy passes every check, one changed row and one flipped bit do not',
  async (major) => {
    const lab = await ProbeLab.open(embeddedEdition(major));
    try {
      const source = await lab.source();
      await fillSource(lab, source);
      const before = await lab.fingerprint(source);
      await writeSome(lab, source);
      const snapshot = await lab.snapshot(source);
      const backupAt = new Date(Date.now() + 3_600_000).toISOString();
      await writeSome(lab, source);
      const after = await lab.fingerprint(source, before);
      expect(Math.floor(after.server.versionNumber / 10_000)).toBe(major);
      await lab.discard(source);

      const judged = async (copy: PostgresServer) => {
        const results = await runChecks({
          target: lab.target(copy),
          before,
          after,
          boot: null,
          freshness: [{ table: 'public.heartbeat', column: 'at', maxAge: '15m' }],
          backupAt,
          rpoSeconds: 3_600,
        });
        const { status, reasons } = judge(Object.values(results), STANDARD_CHECKS);
        const caughtBy = STANDARD_CHECKS.filter((check) => results[check].status === 'failed');
        return { status, reasons, caughtBy, proven: results.content.coverage?.provenRows ?? 0 };
      };

      const copy = await lab.restore(snapshot);
      await copy.start();
      const healthy = await judged(copy);
      expect(healthy).toMatchObject({ status: 'passed', reasons: [] });
      expect(healthy.proven).toBeGreaterThan(10_000);

      await sql(lab, copy, [`UPDATE account SET memo = 'other' WHERE id = 77`], DATABASE);
      const path = await fileOf(copy, 'document');
      expect(await judged(copy)).toMatchObject({ status: 'failed', caughtBy: ['content'] });

      await copy.stop('fast');
      await flipBit(join(copy.dataDir, path), 3 * 8_192 + 4_000);
      await copy.start();
      expect((await judged(copy)).caughtBy).toContain('pages');
    } finally {
      await lab.end();
    }
  },
);

async function fileOf(server: PostgresServer, table: string): Promise<string> {
  const [row] = await server.admin<{ path: string }>(
    'SELECT pg_relation_filepath(reltoastrelid) AS path FROM pg_class WHERE relname = $1',
    [table],
    DATABASE,
  );
  if (!row) throw new Error(`There is no table ${table}.`);
  return row.path;
}

async function flipBit(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, offset);
    await file.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, offset);
  } finally {
    await file.close();
  }
}
