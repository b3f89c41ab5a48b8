import type { Place } from '../platform.ts';

export function vaultArn({ accountId, region, name }: Place & { name: string }): string {
  return `arn:aws:backup:${region}:${accountId}:backup-vault:${name}`;
}

export function parseVaultArn(arn: string): (Place & { name: string }) | undefined {
  const match = /^arn:aws[a-z-]*:backup:([a-z0-9-]+):(\d{12}):backup-vault:([\w-]{2,50})$/.exec(arn);
  const [, region, accountId, name] = match ?? [];
  if (region === undefined || accountId === undefined || name === undefined) return undefined;
  return { region, accountId, name };
}

export function holdArn({ accountId, region, id }: Place & { id: string }): string {
  return `arn:aws:backup:${region}:${accountId}:legal-hold:${id}`;
}

export function planArn({ accountId, region }: Place, id: string): string {
  return `arn:aws:backup:${region}:${accountId}:backup-plan:${id}`;
}

export function keyOf({ accountId, region }: Place, id: string): string {
  return `${accountId}/${region}/${id}`;
}

export function samePlace(a: Place, b: Place): boolean {
  return a.accountId === b.accountId && a.region === b.region;
}

/** `shop` of `arn:aws:rds:…:db:shop`, and `ledger` of `arn:aws:s3:::ledger`. */
export function resourceName(arn: string): string {
  return arn.split(':').at(-1) ?? arn;
}
