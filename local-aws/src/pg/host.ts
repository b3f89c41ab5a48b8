import { access, chmod, chown, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Account, requireOpenFolder, serverAccount } from './account.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { type Authority, type Certificate, openAuthority } from './certificates.ts';
import { ADMIN_ROLE } from './hba.ts';

export const AUTHORITIES = ['rds-ca-rsa2048-g1', 'rds-ca-rsa4096-g1', 'rds-ca-ecc384-g1'] as const;
export type AuthorityName = (typeof AUTHORITIES)[number];
export const DEFAULT_AUTHORITY = 'rds-ca-rsa2048-g1';

/** What all servers of one state folder share. */
export interface PostgresHost {
  readonly stateDir: string;
  readonly binaries: Binaries;
  /** Set when we are root: whom the servers run as, and who owns their files. */
  readonly account: Account | undefined;
  /** Issues a server's certificate unless another of `authorities` is asked for. */
  readonly authority: Authority;
  /** By RDS's names. */
  readonly authorities: Readonly<Record<AuthorityName, Authority>>;
  /** PEM of all of them: what clients trust, like RDS's global bundle. */
  readonly trusted: string;
  /** Issues certificates for the service's own role only; no client of a database ever sees it. */
  readonly adminAuthority: Authority;
  readonly admin: Certificate;
  /** `setpriv`, where it exists: ties servers to our life, however we end. */
  readonly setpriv: string | undefined;
}

/**
 * Finds the binaries and opens both authorities below `stateDir`, which is made when it is missing.
 * @param options.binDir `PG_BIN_DIR`: PostgreSQL programs to use instead of the embedded ones.
 * @param options.embedded name of an installed package that has the programs of another version, for example an older major one.
 */
export async function openPostgresHost(options: {
  stateDir: string;
  binDir?: string | undefined;
  embedded?: string | undefined;
}): Promise<PostgresHost> {
  const { stateDir, binDir, embedded } = options;
  await mkdir(stateDir, { recursive: true });
  const account = serverAccount();
  requireOpenFolder(stateDir, account);
  const [binaries, authorities, adminAuthority, setpriv] = await Promise.all([
    findBinaries({ stateDir, binDir, embedded, account }),
    openAuthorities(stateDir),
    openAuthority(join(stateDir, 'authority', 'service.pem'), 'Local AWS service authority'),
    findSetpriv(),
  ]);
  const admin = await adminAuthority.issueClient(ADMIN_ROLE);
  const authority = authorities[DEFAULT_AUTHORITY];
  const trusted = AUTHORITIES.map((name) => authorities[name].pem).join('');
  return { stateDir, binaries, account, authority, authorities, trusted, adminAuthority, admin, setpriv };
}

/** All sign with the same algorithm here, whatever their names say. */
async function openAuthorities(stateDir: string): Promise<Readonly<Record<AuthorityName, Authority>>> {
  const open = (file: string, name: string) =>
    openAuthority(join(stateDir, 'authority', file), `Local AWS database authority${name}`);
  const [rsa2048, rsa4096, ecc384] = await Promise.all([
    open('databases.pem', ''),
    open('databases-rsa4096.pem', ' rds-ca-rsa4096-g1'),
    open('databases-ecc384.pem', ' rds-ca-ecc384-g1'),
  ]);
  return { 'rds-ca-rsa2048-g1': rsa2048, 'rds-ca-rsa4096-g1': rsa4096, 'rds-ca-ecc384-g1': ecc384 };
}

async function findSetpriv(): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined;
  for (const path of ['/usr/bin/setpriv', '/bin/setpriv']) {
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

/** Makes a folder that the servers' account owns, below folders that it may pass through. */
export async function ownedFolder(host: PostgresHost, path: string, mode = 0o700): Promise<string> {
  await passableFolder(dirname(path));
  await mkdir(path, { recursive: true, mode });
  if (host.account) await chown(path, host.account.uid, host.account.gid);
  return path;
}

/** Mode 711 whatever the umask is: others may pass through, but not list. */
export async function passableFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o711 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await chmod(made, 0o711);
}
