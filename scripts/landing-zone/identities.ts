import { mkdir, writeFile } from 'node:fs/promises';
import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import type { AccountName } from '../../domain/policy/schema.ts';
import type { AdministratorKey } from './administrators.ts';
import { LOCAL_ADDRESSES, RECOVERY_REGION } from './plan.ts';
import { roleArn } from './roles.ts';

/** The programs that run on this computer, each under its own role. */
const PROGRAMS = {
  worker: { account: 'vault', role: 'lifeboat-worker' },
  proberProduction: { account: 'production', role: 'lifeboat-prober' },
  proberDrill: { account: 'drill', role: 'lifeboat-prober' },
} as const satisfies Record<string, { account: AccountName; role: string }>;

export type ProgramName = keyof typeof PROGRAMS;
export type Environments = Readonly<Record<ProgramName, Readonly<Record<string, string>>>>;

/**
 * Writes one AWS configuration per program, as an instance or pod would have it: the SDK assumes the program's role and renews its
 * credentials by itself. Files are readable by their owner only.
 * @returns the variables that make a program use it. They must stand alone: see `withoutAws`.
 */
export async function writeIdentities(
  folder: string,
  endpoint: string,
  administrators: Readonly<Record<AccountName, AdministratorKey>>,
): Promise<Environments> {
  const entries = await Promise.all(
    (Object.keys(PROGRAMS) as ProgramName[]).map(async (name) => {
      const { account, role } = PROGRAMS[name];
      const own = join(folder, name);
      await mkdir(own, { recursive: true, mode: 0o700 });
      const { accessKeyId, secretAccessKey } = administrators[account];
      const credentials = `[bootstrap]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
      const config = [
        `[profile ${name}]`,
        `role_arn = ${roleArn(account, role)}`,
        'source_profile = bootstrap',
        `role_session_name = ${name}`,
        `region = ${RECOVERY_REGION}`,
        '',
      ].join('\n');
      await writeFile(join(own, 'credentials'), credentials, { mode: 0o600 });
      await writeFile(join(own, 'config'), config, { mode: 0o600 });
      const environment = {
        LIFEBOAT_LOCAL: '1',
        AWS_ENDPOINT_URL: endpoint,
        AWS_REGION: RECOVERY_REGION,
        AWS_PROFILE: name,
        AWS_CONFIG_FILE: join(own, 'config'),
        AWS_SHARED_CREDENTIALS_FILE: join(own, 'credentials'),
        AWS_EC2_METADATA_DISABLED: 'true',
      };
      return [name, environment] as const;
    }),
  );
  return Object.fromEntries(entries) as unknown as Environments;
}

/** Addresses to connect from, when this computer has the whole loopback block (Linux); none on a Mac without aliases. */
export async function localAddresses(): Promise<Partial<typeof LOCAL_ADDRESSES>> {
  const usable = await Promise.all(Object.values(LOCAL_ADDRESSES).map(canUse));
  return usable.every(Boolean) ? LOCAL_ADDRESSES : {};
}

async function canUse(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind(0, address, () => socket.close(() => resolve(true)));
  });
}
