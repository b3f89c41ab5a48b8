/** The superuser that belongs to the service itself, as in RDS. It logs in by certificate only, and only from this computer. */
export const ADMIN_ROLE = 'rdsadmin';

/** Who may connect: the given blocks with TLS and a password, the service itself with its certificate, nobody else. */
export function hbaFile(admits: readonly string[]): string {
  return [
    '# Written by the local AWS. TYPE DATABASE USER ADDRESS METHOD',
    'hostnossl all all all reject',
    `hostssl all,replication ${ADMIN_ROLE} 127.0.0.0/8 cert`,
    `hostssl all ${ADMIN_ROLE} all reject`,
    ...admits.map((block) => `hostssl all all ${cidr(block)} scram-sha-256`),
    '',
  ].join('\n');
}

function cidr(block: string): string {
  if (/^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/.test(block)) return block;
  throw new Error(`"${block}" is no IPv4 block such as 127.10.0.0/16.`);
}
