import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { type ProbeLab, connect, sql } from '../../test/support/probe-lab.ts';
import { DATABASE, fillSample } from '../../test/support/probe-sample.ts';

/** Settings that a stormy source and its copies need. */
export const STORM_SETTINGS = { max_prepared_transactions: 10 } as const;

/** The sample shop, a queue, a partitioned table, and one that is hardly written to. */
export async function fillStormySource(lab: ProbeLab, source: PostgresServer): Promise<void> {
  await fillSample(lab, source);
  await sql(
    lab,
    source,
    [
      'CREATE TABLE job (id bigserial PRIMARY KEY, state text, payload text)',
      'CREATE TABLE event (at timestamptz, what text) PARTITION BY RANGE (at)',
      `CREATE TABLE event_now PARTITION OF event FOR VALUES FROM ('2000-01-01') TO ('2100-01-01')`,
      'CREATE TABLE archive (id int, note text)',
      'CREATE INDEX archive_id ON archive (id)',
      `INSERT INTO archive SELECT i, 'archived ' || i FROM generate_series(1, 2000) i`,
      // Most of it stays as it is from one night to the next.
      `CREATE TABLE booking AS SELECT i AS id, 'booked under the number ' || i AS note, md5(i::text) AS code FROM generate_series(1, 40000) i`,
      'CREATE UNIQUE INDEX booking_id ON booking (id)',
      'VACUUM ANALYZE booking',
    ],
    DATABASE,
  );
}

/** One statement or block per writer, repeated until told to stop: everything that ever caused a false alarm, and what might. */
const WRITERS: readonly string[] = [
  'UPDATE order_line SET amount = amount + 1 WHERE id = 1 + (random() * 11000)::int',
  'UPDATE heartbeat SET at = clock_timestamp()',
  // Now and then a row that nobody touched for long: changed, changed in place of another, gone, or left as it was after all.
  `UPDATE booking SET code = md5(random()::text) WHERE id = (SELECT 1 + (random() * 40000)::int) AND random() < 0.2`,
  `BEGIN; DELETE FROM booking WHERE id = (SELECT 1 + (random() * 40000)::int); ROLLBACK`,
  `WITH gone AS (DELETE FROM booking WHERE id = (SELECT 1 + (random() * 40000)::int) AND random() < 0.05 RETURNING *) INSERT INTO booking SELECT * FROM gone`,
  'VACUUM (FREEZE) booking',
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
  // More subtransactions than a snapshot lists one by one.
  `DO $$ BEGIN
     FOR i IN 1..90 LOOP
       BEGIN INSERT INTO job (state, payload) VALUES ('deep', i::text); EXCEPTION WHEN OTHERS THEN NULL; END;
     END LOOP;
     DELETE FROM job WHERE state = 'deep';
     PERFORM pg_sleep(random() * 0.3);
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
  'VACUUM (FREEZE) archive',
  // Rows that move between tables, and back.
  `WITH moved AS (DELETE FROM archive WHERE id % 7 = (random() * 6)::int RETURNING *) INSERT INTO archive SELECT id, note || '' FROM moved`,
  // DDL of a busy night.
  `DO $$ BEGIN CREATE TABLE staging AS SELECT * FROM customer LIMIT 50; PERFORM pg_sleep(0.1); DROP TABLE staging; END $$`,
  `DO $$ BEGIN ALTER TABLE customer DISABLE TRIGGER touched; PERFORM pg_sleep(0.02); ALTER TABLE customer ENABLE TRIGGER touched; END $$`,
  'ALTER TABLE archive ADD COLUMN extra int DEFAULT 7; ALTER TABLE archive DROP COLUMN extra',
  'CREATE INDEX CONCURRENTLY IF NOT EXISTS archive_note ON archive (note)',
  'DROP INDEX CONCURRENTLY IF EXISTS archive_note',
  'REINDEX INDEX archive_id',
  'TRUNCATE event_now',
  'CLUSTER job USING job_pkey',
  'REFRESH MATERIALIZED VIEW totals',
  `UPDATE customer SET letter = repeat(md5(random()::text), 300) WHERE id = 1 + (random() * 3000)::int`,
  `GRANT INSERT ON archive TO clerk; REVOKE INSERT ON archive FROM clerk`,
  `COMMENT ON TABLE archive IS 'now and then'`,
  `SELECT lo_from_bytea(0, '\\x0102'); SELECT lo_unlink(oid) FROM pg_largeobject_metadata LIMIT 1`,
  'ANALYZE',
];

export interface Storm {
  /** @returns how many statements went through. */
  stop(): Promise<number>;
}

/** Writes until `stop()`; errors of single statements (locks, conflicts) are part of the load. */
export async function storm(lab: ProbeLab, source: PostgresServer): Promise<Storm> {
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
