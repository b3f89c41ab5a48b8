import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { closedFolder } from '../src/pg/account.ts';
import { findBinaries } from '../src/pg/binaries.ts';
import { hbaFile } from '../src/pg/hba.ts';
import { openPostgresHost, PostgresServer, StartFailure } from '../src/pg/index.ts';
import { readPostmaster } from '../src/pg/orphans.ts';
import { bootThrowAwayServer, type ThrowAwayServer } from '../src/pg/throw-away.ts';
import { eventually } from './support/eventually.ts';

let booted: ThrowAwayServer;

beforeAll(async () => {
  booted = await bootThrowAwayServer({ names: ['shop.example.test'] });
});
afterAll(async () => {
  await booted.end();
});

/** Connects like any client of a database would. */
async function connect(overrides: object = {}): Promise<Client> {
  const { server, user, password, ca } = booted;
  const client = new Client({
    ...{ host: server.address, port: server.port, user, password, database: 'postgres', ssl: { ca } },
    ...overrides,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

test('a client that trusts the authority gets in with TLS and a password', async () => {
  const client = await connect();
  const { rows } = await client.query('SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
  await client.end();
  expect(rows).toEqual([{ ssl: true, version: 'TLSv1.3' }]);
});

test('the certificate names the address and the DNS name, and nothing else', async () => {
  const { ca } = booted;
  const byName = await connect({ ssl: { ca, servername: 'shop.example.test' } });
  await byName.end();
  await expect(connect({ ssl: { ca, servername: 'other.example.test' } })).rejects.toThrow(
    /does not match certificate/,
  );
});

test('plain text, another authority and a wrong password are refused', async () => {
  await expect(connect({ ssl: false })).rejects.toThrow(/pg_hba.conf rejects connection|no encryption/);
  await expect(connect({ ssl: { ca: undefined } })).rejects.toThrow(/certificate/);
  await expect(connect({ password: 'wrong' })).rejects.toThrow(/password authentication failed/);
});

test('the service role cannot be used without the service certificate, not even by somebody who set its password', async () => {
  await booted.server.admin(`ALTER ROLE rdsadmin PASSWORD 'stolen-password'`);
  await expect(connect({ user: 'rdsadmin', password: 'stolen-password' })).rejects.toThrow(
    /valid client certificate/,
  );
  expect(await booted.server.admin('SELECT current_user::text AS role')).toEqual([{ role: 'rdsadmin' }]);
});

test('only the admitted blocks may connect, and a change holds at once', async () => {
  const { server } = booted;
  const outcome = () =>
    connect().then(
      (client) => client.end().then(() => 'in'),
      (err: unknown) => String(err),
    );
  await server.admit(['127.77.0.0/16']);
  await eventually('refused', async () => (/no pg_hba.conf entry/.test(await outcome()) ? true : undefined));
  await server.admit(['127.0.0.0/8']);
  await eventually('admitted', async () => ((await outcome()) === 'in' ? true : undefined));
});

test('rules take IPv4 blocks only', () => {
  expect(() => hbaFile(['everybody'])).toThrow(/no IPv4 block/);
  expect(hbaFile(['127.10.0.0/16'])).toMatch(/^hostnossl all all all reject$/m);
});

test('data checksums are on, and rules, keys and log lie outside the data folder', async () => {
  const { server } = booted;
  expect(await server.admin('SHOW data_checksums')).toEqual([{ data_checksums: 'on' }]);
  const { mode } = await stat(join(server.dir, 'conf', 'server.key'));
  expect(mode & 0o077).toBe(0);
  await expect(stat(join(server.dataDir, 'pg_hba.conf'))).rejects.toThrow(/ENOENT/);
  expect(await readFile(server.logFile, 'utf8')).toMatch(/database system is ready to accept connections/);
});

test('a server comes back on its port with its data, and a port that was taken meanwhile is replaced', async () => {
  const { server } = booted;
  const { port } = server;
  await server.admin('CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer');
  await server.stop();
  const again = await PostgresServer.open(server.host, server.dir);
  expect(again.port).toBe(port);
  const { createServer } = await import('node:net');
  const squatter = createServer().listen(port, server.address);
  await new Promise((resolve) => squatter.once('listening', resolve));
  await again.start();
  expect(again.port).not.toBe(port);
  expect(await again.admin('SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  await again.stop();
  await new Promise((resolve) => squatter.close(resolve));
  await server.start();
});

test('a server left behind by a killed process is ended before its data are opened again', async () => {
  const { server } = booted;
  await server.stop();
  const { binaries, account } = server.host;
  const args = ['-D', server.dataDir, '-c', `config_file=${join(server.dir, 'conf', 'postgresql.conf')}`];
  const ids = account ? { uid: account.uid, gid: account.gid } : {};
  const orphan = spawn(binaries.postgres, args, {
    env: binaries.env,
    cwd: '/',
    stdio: 'ignore',
    detached: true,
    ...ids,
  });
  const gone = new Promise<void>((resolve) => orphan.once('exit', () => resolve()));
  await eventually(
    'the orphan is up',
    async () => (await readPostmaster(server.dataDir))?.ready || undefined,
  );
  await server.start();
  await gone;
  expect(server.pid).not.toBe(orphan.pid);
  expect(await server.admin('SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a pid file that names a process of somebody else is taken for stale', async () => {
  const { server } = booted;
  await server.stop();
  await writeFile(
    join(server.dataDir, 'postmaster.pid'),
    `${process.pid}\n${server.dataDir}\n1\n5432\n\n\n\nready   \n`,
  );
  await server.start();
  expect(await server.admin('SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a server that cannot start says what PostgreSQL said', async () => {
  const { server } = booted;
  await server.stop();
  const control = join(server.dataDir, 'global', 'pg_control');
  const sound = await readFile(control);
  await writeFile(control, Buffer.alloc(sound.length));
  await expect(server.start()).rejects.toThrow(StartFailure);
  await expect(server.start()).rejects.toThrow(/did not start: .*PANIC|FATAL/);
  await writeFile(control, sound);
  await server.start();
});

test('binaries that are missing, not executable or broken give one sentence each', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-bin-'));
  await chmod(folder, 0o755);
  const look = () => findBinaries({ stateDir: folder, binDir: folder, account: undefined });
  try {
    await expect(look()).rejects.toThrow(
      /initdb is missing or not executable\. Run npm ci again, or set PG_BIN_DIR/,
    );
    const { binaries } = booted.server.host;
    await copyFile(binaries.initdb, join(folder, 'initdb'));
    await writeFile(
      join(folder, 'postgres'),
      '#!/bin/sh\necho "libssl.so.9: cannot open shared object file" >&2\nexit 127\n',
    );
    await chmod(join(folder, 'postgres'), 0o755);
    await expect(look()).rejects.toThrow(
      /postgres does not run on this computer: libssl\.so\.9: cannot open/,
    );
    await writeFile(join(folder, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 12.3"\n');
    await expect(look()).rejects.toThrow(/is PostgreSQL 12; snapshots need 13 or newer/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a folder that the servers may not enter is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-closed-'));
  await mkdir(join(folder, 'inside'));
  const stranger = { name: 'stranger', uid: 54_321, gid: 54_321 };
  expect(closedFolder(join(folder, 'inside'), stranger)).toBe(folder);
  await chmod(folder, 0o755);
  expect(closedFolder(join(folder, 'inside'), stranger)).toBeUndefined();
  await rm(folder, { recursive: true });
});

test('authorities are kept: a server certified in an earlier life is trusted in the next', async () => {
  const again = await openPostgresHost({ stateDir: booted.server.host.stateDir });
  expect(again.trusted).toBe(booted.ca);
});
