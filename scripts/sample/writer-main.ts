// The shop's business: orders come in, move on and are cancelled, several times a second, until told to stop.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { connect } from './connection.ts';
import type { SampleConnection } from './connection.ts';

const PAUSE_MS = 40;
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

const input = createInterface({ input: process.stdin });
const [first] = (await once(input, 'line')) as [string];
input.once('close', () => stop.abort()); // the parent is gone, however it went
const { connection, clockEndpoint } = JSON.parse(first) as {
  connection: SampleConnection;
  clockEndpoint?: string;
};

let transactions = 0;
let reconnects = -1;
let offsetMs = 0;
process.stdout.on('error', () => stop.abort());
const report = setInterval(() => console.log(JSON.stringify({ transactions, reconnects })), 1_000);
const clock = setInterval(() => void readClock(), 500);
await readClock();

while (!stop.signal.aborted) {
  try {
    reconnects++;
    await work();
  } catch {
    // The server is restarting, or not there yet: the writer is only useful if it comes back whatever happened.
    await sleep(250, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}
clearInterval(report);
clearInterval(clock);
process.exit(0);

/** What AWS says lives on AWS's clock, which can be moved; so must the data, or its age would mean nothing. */
async function readClock(): Promise<void> {
  if (clockEndpoint === undefined) return;
  try {
    const answer = await fetch(new URL('/clock', clockEndpoint), { signal: AbortSignal.timeout(2_000) });
    const { offsetSeconds } = (await answer.json()) as { offsetSeconds: number };
    offsetMs = offsetSeconds * 1000;
  } catch {
    // Not reachable just now: the last offset stays true until the clock is moved, which needs the same endpoint.
  }
}

async function work(): Promise<void> {
  const client = await connect(connection, 'sample-writer');
  try {
    const { rows } = await client.query<{ customers: number; products: number }>(
      'SELECT (SELECT count(*) FROM customer)::int AS customers, (SELECT count(*) FROM product)::int AS products',
    );
    const { customers = 1, products = 1 } = rows[0] ?? {};
    while (!stop.signal.aborted) {
      const now = new Date(Date.now() + offsetMs);
      await client.query('BEGIN');
      await placeOrder(client, now, 1 + (transactions % customers), products);
      await moveOn(client, now);
      await client.query(
        `INSERT INTO heartbeat VALUES ('writer', $1, 1)
         ON CONFLICT (writer) DO UPDATE SET beat_at = excluded.beat_at, beats = heartbeat.beats + 1`,
        [now],
      );
      await client.query('COMMIT');
      transactions++;
      await sleep(PAUSE_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    await client.end().catch(() => undefined); // the connection may be what failed
  }
}

async function placeOrder(client: pg.Client, now: Date, customer: number, products: number): Promise<void> {
  const lines = 1 + (transactions % 3);
  const { rows } = await client.query<{ id: string }>(
    'INSERT INTO orders (customer_id, total_cents, placed_at, updated_at) VALUES ($1, $2, $3, $3) RETURNING id',
    [customer, 500 + (transactions % 9000), now],
  );
  const id = rows[0]?.id;
  await client.query(
    `INSERT INTO order_line SELECT $1, n, 1000 + ($2::int + n * 7) % $3::int, 1 + n % 3, 199 + n * 100 FROM generate_series(1, $4::int) n`,
    [id, transactions, products, lines],
  );
  await client.query("INSERT INTO event (at, order_id, kind, payload) VALUES ($1, $2, 'placed', $3)", [
    now,
    id,
    { lines, channel: 'web' },
  ]);
}

/** One of the latest orders changes its state; now and then one that was cancelled is deleted, and stock is taken. */
async function moveOn(client: pg.Client, now: Date): Promise<void> {
  await client.query(
    `UPDATE orders SET updated_at = greatest($1, placed_at), status = CASE status
       WHEN 'placed' THEN 'paid' WHEN 'paid' THEN 'packed' WHEN 'packed' THEN 'shipped'
       WHEN 'shipped' THEN 'delivered' ELSE 'cancelled' END::order_status
     WHERE id = (SELECT max(id) FROM orders) - $2`,
    [now, (transactions * 13) % 300],
  );
  if (transactions % 10 === 0) {
    await client.query(
      "DELETE FROM orders WHERE id > (SELECT max(id) FROM orders) - 300 AND status = 'cancelled'",
    );
    await client.query('UPDATE product SET stock = stock - 1 WHERE id = 1000 + $1 % 20', [transactions]);
  }
}
