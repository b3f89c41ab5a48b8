import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { CHECK_IDS, judge } from '../../domain/verdict.ts';
import { ProbeLab, connect, runChecks, sql } from '../support/probe-lab.ts';
import { DATABASE, fillSample } from '../support/probe-sample.ts';

let lab: ProbeLab;
let source: PostgresServer;

beforeAll(async () => {
  lab = await ProbeLab.open();
  source = await lab.source({ max_prepared_transactions: 10 });
  await fillSample(lab, source);
  await sql(
    lab,
    source,
    [
      'CREATE TABLE job (id bigserial PRIMARY KEY, state text, payload text)',
      'CREATE TABLE event (at timestamptz, what text) PARTITION BY RANGE (at)',
      `CREATE TABLE event_now PARTITION OF event FOR VALUES FROM ('2000-01-01') TO ('2100-01-01')`,
    ],
    DATABASE,
  );
});

afterAll(() => lab.end());

/** One statement or block per writer, repeated until told to stop: everything that ever caused a false alarm. */
const WRITERS: readonly string[] = [
  'UPDATE order_line SET amount = amount + 1 WHERE id = 1 + (random() * 11000)::int',
  'UPDATE heartbeat SET at = clock_timestamp()',
  // A queue: born and dead within the night, pages reused at once.
  `WITH put AS (INSERT INTO job (state, payload) SELECT 'new', repeat('x', 200) FROM generate_series(1, 20))
   DELETE FROM job WHERE id IN (SELECT id FROM job ORDER BY id LIMIT 18)`,
  // Rows of subtransactions, some of them rolled back.
  `DO $$ BEGIN
     FOR i IN 1..5 LOOP
       BEGIN
         INSERT INTO customer (name) VALUES ('sub ' || i);
         IF i % 2 = 0 THEN RAISE EXCEPTION 'no'; END IF;
       EXCEPTION WHEN raise_exception THEN NULL;
       END;
     END LOOP;
     PERFORM pg_sleep(random() * 0.05);
   END $$`,
  // Two-phase commits that are open when the fingerprints are taken.
  `BEGIN; INSERT INTO customer (name) VALUES ('two-phase'); UPDATE order_line SET note = 'p' WHERE id % 1999 = 7; PREPARE TRANSACTION 'one'`,
  `DO $$ BEGIN PERFORM pg_sleep(random() * 0.5); END $$`,
  `COMMIT PREPARED 'one'`,
  `DELETE FROM customer WHERE name LIKE 'sub %' AND random() < 0.3`,
  // A transaction that stays open across fingerprints and snapshot.
  `DO $$ BEGIN UPDATE order_line SET note = note || '.' WHERE id % 997 = 3; PERFORM pg_sleep(0.4); END $$`,
  `INSERT INTO event VALUES (now(), 'e' || random())`,
  `DO $$ BEGIN PERFORM * FROM customer WHERE id < 50 FOR UPDATE; PERFORM pg_sleep(0.02); END $$`,
  'VACUUM customer, job, order_line',
  // DDL of a busy night.
  `DO $$ BEGIN CREATE TABLE staging AS SELECT * FROM customer LIMIT 50; PERFORM pg_sleep(0.1); DROP TABLE staging; END $$`,
  `DO $$ BEGIN ALTER TABLE customer DISABLE TRIGGER touched; PERFORM pg_sleep(0.02); ALTER TABLE customer ENABLE TRIGGER touched; END $$`,
  'TRUNCATE event_now',
  'REFRESH MATERIALIZED VIEW totals',
  `UPDATE customer SET letter = repeat(md5(random()::text), 300) WHERE id = 1 + (random() * 3000)::int`,
];

/** Writes until `stop()`; errors of single statements (locks, conflicts) are part of the load. */
async function storm(): Promise<{ stop(): Promise<number> }> {
  const stopping = new AbortController();
  let written = 0;
  const running = WRITERS.map(async (statement) => {
    const client = await connect(lab, source, DATABASE);
    await client.query(`SET lock_timeout = '1s'`); // a prepared transaction may be left with its locks
    while (!stopping.signal.aborted) {
      await client.query(statement).then(
        () => (written += 1),
        () => undefined,
      );
      await sleep(Math.random() * 60);
    }
    await client.end();
  });
  return {
    async stop() {
      stopping.abort();
      await Promise.all(running);
      return written;
    },
  };
}

/** What the copy's own log says, for whoever has to explain a false alarm. */
async function errorsIn(copy: PostgresServer): Promise<string[]> {
  const log = await readFile(copy.logFile, 'utf8');
  return log.split('\n').filter((line) => /ERROR|FATAL|PANIC/.test(line));
}

test.each([1, 2, 3])('round %i: a copy of a database under hostile load passes every check', async () => {
  const load = await storm();
  await sleep(200);
  const before = await lab.fingerprint(source);
  const snapshot = await lab.snapshot(source);
  const backupAt = new Date().toISOString();
  const after = await lab.fingerprint(source, before);
  expect(await load.stop()).toBeGreaterThan(30);

  const copy = await lab.restore(snapshot, { max_prepared_transactions: 10 });
  await copy.start();
  const results = await runChecks({
    target: lab.target(copy),
    before,
    after,
    boot: null,
    freshness: [{ table: 'public.heartbeat', column: 'at', maxAge: '15m' }],
    backupAt,
    rpoSeconds: 3_600,
  });
  const { status, reasons } = judge(Object.values(results), CHECK_IDS);
  const errors = status === 'passed' ? [] : await errorsIn(copy);
  await lab.discard(copy);
  expect({ status, reasons, errors }).toEqual({ status: 'passed', reasons: [], errors: [] });
  const { provenRows, notExaminedRows } = results.content.coverage!;
  expect(notExaminedRows).toBe(0);
  expect(provenRows).toBeGreaterThan(0);
});
