import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { type ProbeLab, sql } from '../../test/support/probe-lab.ts';
import { DATABASE, fillSample } from '../../test/support/probe-sample.ts';

/** What the laboratory adds to the sample shop: something of everything that can be damaged. */
const EXTRAS = [
  'CREATE EXTENSION citext',
  'CREATE EXTENSION fuzzystrmatch',
  'CREATE TABLE job (id bigserial PRIMARY KEY, state text, payload text)',
  'CREATE TABLE event (at timestamptz, what text) PARTITION BY RANGE (at)',
  `CREATE TABLE event_now PARTITION OF event FOR VALUES FROM ('2000-01-01') TO ('2100-01-01')`,
  `CREATE TABLE account (id int PRIMARY KEY, iban text UNIQUE, holder citext NOT NULL, balance numeric(12, 2) CHECK (balance >= 0),
     active boolean DEFAULT true, opened date, place point, valid tsrange, memo text)`,
  'CREATE TABLE account_archive (LIKE account INCLUDING ALL)',
  'CREATE INDEX account_place ON account USING gist (place)',
  'CREATE INDEX account_opened ON account USING brin (opened)',
  'CREATE INDEX account_holder ON account USING hash (holder)',
  'ALTER TABLE account ENABLE ROW LEVEL SECURITY',
  'CREATE POLICY active_only ON account USING (active)',
  'CREATE TABLE document (id int PRIMARY KEY, body text)',
  'ALTER TABLE document ALTER body SET STORAGE EXTERNAL',
  `INSERT INTO account SELECT i, 'DE' || lpad((i * 7919)::text, 20, '0'), 'holder ' || i, i * 1.5, i % 7 > 0, date '2020-01-01' + i % 2000,
     point(i, i % 90), tsrange(timestamp '2020-01-01', timestamp '2020-01-01' + i * interval '1 hour'),
     'memo of account number ' || i FROM generate_series(1, 6000) i`,
  'INSERT INTO account_archive SELECT * FROM account WHERE id <= 1000',
  `INSERT INTO document SELECT i, (SELECT string_agg(md5((i * g)::text), '') FROM generate_series(1, 120) g) FROM generate_series(1, 300) i`,
  `INSERT INTO job (state, payload) SELECT 'new', repeat('x', 100) FROM generate_series(1, 500)`,
  `INSERT INTO event SELECT now(), 'event ' || i FROM generate_series(1, 800) i`,
  'GRANT SELECT ON account TO clerk',
  'GRANT UPDATE (memo) ON account TO clerk',
];

/** Writes of a night that has begun: what makes rows young, moves blocks and leaves dead rows behind. */
const UNDERWAY = [
  'UPDATE order_line SET amount = amount + 1 WHERE id % 997 = 3',
  `INSERT INTO customer (name) SELECT 'night ' || i FROM generate_series(1, 40) i`,
  `DELETE FROM job WHERE id IN (SELECT id FROM job ORDER BY id LIMIT 60)`,
  `INSERT INTO job (state, payload) SELECT 'new', repeat('y', 100) FROM generate_series(1, 70)`,
  `UPDATE account SET memo = memo || '.' WHERE id BETWEEN 5000 AND 5040`,
  `UPDATE heartbeat SET at = clock_timestamp() + interval '1 hour'`,
];

/** Creates and fills everything; vacuumed, as production tables are. */
export async function fillSource(lab: ProbeLab, server: PostgresServer): Promise<void> {
  await fillSample(lab, server);
  await sql(lab, server, [...EXTRAS, 'VACUUM ANALYZE'], DATABASE);
}

export async function writeSome(lab: ProbeLab, server: PostgresServer): Promise<void> {
  await sql(lab, server, UNDERWAY, DATABASE);
}
