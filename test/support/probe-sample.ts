import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { type ProbeLab, sql } from './probe-lab.ts';

/** A shop with a little of everything, in a database of its own. */
export const DATABASE = 'orders';

const TABLES = [
  `CREATE TYPE state AS ENUM ('open', 'paid')`,
  `CREATE TABLE customer (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, since date, letter text)`,
  `CREATE TABLE order_line (id bigserial PRIMARY KEY, customer int REFERENCES customer, state state DEFAULT 'open', amount numeric(12, 2),
     at timestamptz NOT NULL DEFAULT now(), extra jsonb, tags text[], note text)`,
  'CREATE INDEX order_line_customer ON order_line (customer)',
  'CREATE INDEX order_line_tags ON order_line USING gin (tags)',
  `CREATE TABLE "Gröb's ""list""" ("a b" text, c float8)`,
  'CREATE TABLE heartbeat (at timestamptz NOT NULL)',
  'CREATE UNLOGGED TABLE scratch AS SELECT generate_series(1, 10) n',
  'CREATE VIEW open_line AS SELECT * FROM order_line WHERE state = $$open$$',
  'CREATE MATERIALIZED VIEW totals AS SELECT customer, count(*) n FROM order_line GROUP BY 1',
  `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.since := current_date; RETURN NEW; END'`,
  'CREATE TRIGGER touched BEFORE INSERT ON customer FOR EACH ROW EXECUTE FUNCTION touch()',
  'CREATE ROLE clerk NOLOGIN',
  'GRANT SELECT ON customer TO clerk',
];

const ROWS = [
  `INSERT INTO customer (name, letter) SELECT 'customer ' || i, CASE WHEN i % 500 = 0
     THEN (SELECT string_agg(md5((i * g)::text), '') FROM generate_series(1, 200) g) END FROM generate_series(1, 4000) i`,
  `INSERT INTO order_line (customer, amount, extra, tags, note) SELECT 1 + i % 4000, i / 7.0, jsonb_build_object('n', i),
     ARRAY['t' || i % 50, 'x'], 'note ' || i FROM generate_series(1, 12000) i`,
  `INSERT INTO "Gröb's ""list""" VALUES ('x', 'NaN'), (NULL, '-0'), ('y', 'Infinity')`,
  'INSERT INTO heartbeat VALUES (now())',
  'REFRESH MATERIALIZED VIEW totals',
];

/** Creates and fills it; vacuumed, as production tables are. */
export async function fillSample(lab: ProbeLab, server: PostgresServer): Promise<void> {
  await sql(lab, server, [`CREATE DATABASE ${DATABASE}`]);
  await sql(lab, server, [...TABLES, ...ROWS, 'VACUUM ANALYZE'], DATABASE);
}
