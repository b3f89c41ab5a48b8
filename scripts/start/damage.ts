import { StartProblem } from './problem.ts';

/** What `--damage` can do to the copy in the last vault before it is drilled; the AWS on this computer knows how. */
export const DAMAGE_KINDS = [
  'page',
  'rows',
  'stale',
  'page-checksum',
  'zero',
  'zero-checksum',
  'truncate',
  'segment',
  'index',
  'empty',
  'wal',
] as const;
export type DamageKind = (typeof DAMAGE_KINDS)[number];

/** Damages the newest recovery point of a vault, at rest, in the AWS on this computer. @returns what was done, in words. */
export async function damageNewestPoint(
  adminEndpoint: string,
  kind: DamageKind,
  vaultArn: string,
): Promise<string> {
  const answer = await fetch(new URL('/damage', adminEndpoint), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind, vaultArn }),
    signal: AbortSignal.timeout(120_000),
  });
  const said = (await answer.json()) as Readonly<Record<string, unknown>>;
  if (!answer.ok) throw new StartProblem(`The copy could not be damaged: ${String(said['error'])}`);
  return `DAMAGED (${kind}) at rest, which AWS does not notice: ${JSON.stringify(said)}`;
}
