import { chown, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ADMIN_ROLE } from './hba.ts';
import { type NewServer, PostgresServer } from './server.ts';
import { takeSnapshot } from './snapshot.ts';

/** A standby must be able to hold what its primary can: both get these. */
export const REPLICATION_SETTINGS = { max_wal_senders: 20, max_replication_slots: 20 } as const;

/**
 * Copies a running primary into `dir` and makes the copy a server that replays what the primary writes, and refuses writes.
 * It is not started. The slot keeps the primary's WAL until this standby has it: drop it with `dropSlot`.
 * @param slot letters, digits and underscores
 */
export async function seedStandby(
  primary: PostgresServer,
  dir: string,
  config: NewServer,
  slot: string,
): Promise<PostgresServer> {
  const { host } = primary;
  await dropSlot(primary, slot);
  await primary.admin('SELECT pg_create_physical_replication_slot($1, true)', [slot]);
  await takeSnapshot(primary, dir);
  await rm(join(dir, 'manifest.json'));
  const conf = join(dir, 'conf');
  const standby = await PostgresServer.configure(host, dir, {
    ...config,
    settings: {
      ...config.settings,
      ...REPLICATION_SETTINGS,
      primary_conninfo: [
        `host=${primary.address} port=${primary.port} user=${ADMIN_ROLE} application_name=${slot}`,
        `sslmode=verify-ca sslrootcert='${join(conf, 'authority.crt')}'`,
        `sslcert='${join(conf, 'replication.crt')}' sslkey='${join(conf, 'replication.key')}'`,
      ].join(' '),
      primary_slot_name: slot,
      wal_retrieve_retry_interval: '100ms',
    },
  });
  const files: [string, string][] = [
    [join(conf, 'authority.crt'), host.trusted],
    [join(conf, 'replication.crt'), host.admin.cert],
    [join(conf, 'replication.key'), host.admin.key],
    [join(dir, 'data', 'standby.signal'), ''],
  ];
  for (const [path, text] of files) {
    await writeFile(path, text, { mode: 0o600 });
    if (host.account) await chown(path, host.account.uid, host.account.gid);
  }
  return standby;
}

/** Does nothing when there is no such slot; a standby that still uses it is cut off. */
export async function dropSlot(primary: PostgresServer, slot: string): Promise<void> {
  const [found] = await primary.admin<{ active_pid: number | null }>(
    'SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1',
    [slot],
  );
  if (!found) return;
  if (found.active_pid !== null)
    await primary.admin('SELECT pg_terminate_backend($1, 5000)', [found.active_pid]);
  await primary.admin(
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active',
    [slot],
  );
}
