import { type DamageKind, withStatements } from './kind.ts';

/** One statement of several, chosen by the seed; run as somebody would by mistake. */
const oneOf = (name: string, ...choices: readonly string[]): DamageKind => ({
  name,
  make: (base, random) =>
    withStatements(base, [random.pick(choices)], random.pick(['running', 'restarted', 'wiped'] as const)),
});

export const SCHEMA_KINDS: readonly DamageKind[] = [
  oneOf(
    'column dropped',
    'ALTER TABLE order_line DROP note CASCADE',
    'ALTER TABLE account DROP valid',
    'ALTER TABLE customer DROP letter',
    'ALTER TABLE document DROP body',
  ),
  oneOf(
    'column retyped',
    'ALTER TABLE account ALTER id TYPE bigint',
    'ALTER TABLE account ALTER memo TYPE varchar(200)',
    'ALTER TABLE customer ALTER name TYPE varchar(100)',
    'ALTER TABLE account ALTER balance TYPE numeric(14, 2)',
  ),
  oneOf(
    'column default lost',
    'ALTER TABLE order_line ALTER state DROP DEFAULT',
    'ALTER TABLE order_line ALTER at DROP DEFAULT',
    'ALTER TABLE account ALTER active DROP DEFAULT',
    'ALTER TABLE order_line ALTER id DROP DEFAULT',
    'ALTER TABLE customer ALTER id DROP IDENTITY',
  ),
  oneOf(
    'index invalid',
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'order_line_customer'::regclass`,
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'order_line_pkey'::regclass`,
    `UPDATE pg_index SET indisready = false WHERE indexrelid = 'account_place'::regclass`,
  ),
  oneOf(
    'index missing',
    'DROP INDEX order_line_customer',
    'DROP INDEX order_line_tags',
    'DROP INDEX account_opened',
    'DROP INDEX account_holder',
  ),
  oneOf(
    'constraint lost',
    'ALTER TABLE account DROP CONSTRAINT account_balance_check',
    'ALTER TABLE order_line DROP CONSTRAINT order_line_customer_fkey',
    'ALTER TABLE account DROP CONSTRAINT account_iban_key',
    'ALTER TABLE account ALTER holder DROP NOT NULL',
  ),
  oneOf(
    'trigger lost or disabled',
    'DROP TRIGGER touched ON customer',
    'ALTER TABLE customer DISABLE TRIGGER touched',
    `CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
  ),
  oneOf(
    'grant lost',
    'REVOKE SELECT ON customer FROM clerk',
    'REVOKE SELECT ON account FROM clerk',
    'REVOKE UPDATE (memo) ON account FROM clerk',
    'ALTER TABLE account OWNER TO clerk',
  ),
  oneOf(
    'policy lost',
    'DROP POLICY active_only ON account',
    'ALTER TABLE account DISABLE ROW LEVEL SECURITY',
    'ALTER POLICY active_only ON account USING (true)',
  ),
  oneOf('extension lost', 'DROP EXTENSION fuzzystrmatch'),
  oneOf(
    'sequence set back',
    `SELECT setval('order_line_id_seq', 5)`,
    `SELECT setval('job_id_seq', 1, false)`,
    `SELECT setval('customer_id_seq', 3999)`,
  ),
  oneOf(
    'table emptied',
    'TRUNCATE event_now',
    `TRUNCATE "Gröb's ""list"""`,
    'TRUNCATE account_archive',
    'DELETE FROM document',
  ),
  oneOf(
    'table dropped',
    'DROP TABLE heartbeat',
    'DROP TABLE account_archive',
    'DROP TABLE document',
    'DROP TABLE event_now',
  ),
];
