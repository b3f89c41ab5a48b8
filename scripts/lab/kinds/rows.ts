import type { Base, Heap } from '../base.ts';
import type { Random } from '../random.ts';
import { type Aftermath, type DamageKind, at, quoted, withStatements } from './kind.ts';

/** Columns that may be changed one by one, each with another value than it had. */
const CHANGES: Readonly<Record<string, readonly (readonly [column: string, value: string])[]>> = {
  order_line: [
    ['amount', 'coalesce(amount, 0) + 0.01'],
    ['note', `coalesce(note, '') || ' '`],
    ['state', `CASE state WHEN 'open' THEN 'paid'::state ELSE 'open' END`],
    ['extra', `'{"n": -1}'`],
    ['tags', `array_append(tags, NULL)`],
    ['at', `at + interval '1 microsecond'`],
    ['customer', 'NULLIF(customer, customer)'],
  ],
  customer: [
    ['name', 'upper(name)'],
    ['letter', `coalesce(letter, '') || 'x'`],
    ['since', `'infinity'`],
  ],
  account: [
    ['iban', `iban || '0'`],
    ['balance', 'balance + 0.01'],
    ['active', 'NOT active'],
    ['opened', 'opened + 1'],
    ['place', 'point(place[1] + 1, place[0])'],
    ['valid', 'NULL'],
    ['memo', 'reverse(memo)'],
  ],
  document: [['body', `overlay(body PLACING '?' FROM 1000)`]],
  event_now: [['what', `what || '.'`]],
  job: [['state', `'done'`]],
};
const SWAPPABLE: readonly (readonly [table: string, column: string])[] = [
  ['order_line', 'amount'],
  ['order_line', 'note'],
  ['customer', 'name'],
  ['account', 'memo'],
  ['account', 'balance'],
  ['account_archive', 'iban'],
  ['document', 'body'],
];
/** How a row is written once more, under a key of its own where it has one. */
const AGAIN: Readonly<Record<string, string>> = {
  order_line: `INSERT INTO order_line (customer, state, amount, at, extra, tags, note) SELECT customer, state, amount, at, extra, tags, note FROM order_line`,
  customer: 'INSERT INTO customer (name, since, letter) SELECT name, since, letter FROM customer',
  event_now: 'INSERT INTO event_now SELECT * FROM event_now',
  account: `INSERT INTO account SELECT id + 100000, 'X', holder, balance, active, opened, place, valid, memo FROM account`,
  job: 'INSERT INTO job (state, payload) SELECT state, payload FROM job',
};
const AFTERMATHS: readonly Aftermath[] = ['running', 'restarted', 'wiped'];

/** A table of `names` and a row of it. When the traces are wiped, one that must be the same on the copy; young ones are only counted then. */
function rowOf(base: Base, names: readonly string[], aftermath: Aftermath, random: Random) {
  const rows = ({ live, quiet }: Heap) => (aftermath === 'wiped' ? quiet : live);
  const heap = random.pick(base.heaps.filter((one) => names.includes(one.name) && rows(one).length > 1));
  const first = random.pick(rows(heap));
  const other = random.pick(rows(heap).filter((place) => place !== first));
  return { table: heap.name, first, other };
}

export const ROW_KINDS: readonly DamageKind[] = [
  {
    name: 'one row changed',
    make: (base, random) => {
      const aftermath = random.pick(AFTERMATHS);
      const { table, first } = rowOf(base, Object.keys(CHANGES), aftermath, random);
      const [column, value] = random.pick(CHANGES[table] ?? []);
      return withStatements(base, [`UPDATE ${table} SET ${column} = ${value} WHERE ${at(first)}`], aftermath);
    },
  },
  {
    name: 'one row deleted',
    make: (base, random) => {
      const aftermath = random.pick(AFTERMATHS);
      const names = base.heaps
        .map(({ name }) => name)
        .filter((name) => !['customer', 'totals'].includes(name));
      const { table, first } = rowOf(base, names, aftermath, random);
      return withStatements(base, [`DELETE FROM ${quoted(table)} WHERE ${at(first)}`], aftermath);
    },
  },
  {
    name: 'one row duplicated',
    make: (base, random) => {
      const aftermath = random.pick(['running', 'restarted'] as const);
      const { table, first } = rowOf(base, Object.keys(AGAIN), aftermath, random);
      return withStatements(base, [`${AGAIN[table] ?? ''} WHERE ${at(first)}`], aftermath);
    },
  },
  {
    name: 'one row moved to another table',
    make: (base, random) => {
      const aftermath = random.pick(AFTERMATHS);
      const { first } = rowOf(base, ['account'], aftermath, random);
      const move = `WITH gone AS (DELETE FROM account WHERE ${at(first)} RETURNING *)
        INSERT INTO account_archive SELECT id + 100000, iban || '0', holder, balance, active, opened, place, valid, memo FROM gone`;
      return withStatements(base, [move], aftermath);
    },
  },
  {
    name: "two rows' values swapped",
    make: (base, random) => {
      const aftermath = random.pick(AFTERMATHS);
      const [table, column] = random.pick(SWAPPABLE);
      const { first, other } = rowOf(base, [table], aftermath, random);
      const places = [first, other].map(({ block, item }) => `'(${block},${item})'`);
      const [here, there] = places;
      const swap = `UPDATE ${table} t SET ${column} = o.${column} FROM ${table} o
        WHERE (t.ctid = ${here} AND o.ctid = ${there}) OR (t.ctid = ${there} AND o.ctid = ${here})`;
      // A unique key may not be the same twice, not even for a moment.
      const unique =
        column === 'iban' ? ['ALTER TABLE account_archive DROP CONSTRAINT account_archive_iban_key'] : [];
      return withStatements(base, [...unique, swap], aftermath);
    },
  },
  {
    name: 'text columns encrypted in place',
    make: (base, random) => {
      const [table, column] = random.pick([
        ['customer', 'name'],
        ['account', 'memo'],
        ['order_line', 'note'],
        ['document', 'body'],
      ] as const);
      const share = random.pick([30, 60, 100]);
      const secret = `encode(sha256(convert_to(${column} || ctid::text, 'UTF8')), 'base64')`;
      return withStatements(
        base,
        [`UPDATE ${table} SET ${column} = ${secret} WHERE ${column} IS NOT NULL AND id % 100 < ${share}`],
        random.pick(AFTERMATHS),
      );
    },
  },
  {
    name: 'nulls spreading',
    make: (base, random) => {
      const [table, column] = random.pick([
        ['order_line', 'amount'],
        ['order_line', 'note'],
        ['account', 'memo'],
        ['account', 'balance'],
        ['account', 'opened'],
      ] as const);
      const share = random.pick([20, 50, 100]);
      return withStatements(
        base,
        [`UPDATE ${table} SET ${column} = NULL WHERE id % 100 < ${share}`],
        random.pick(AFTERMATHS),
      );
    },
  },
];
