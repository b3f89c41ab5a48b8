/** What `--damage` can do to the copy in the last vault before it is drilled. */
export const DAMAGE_KINDS = ['page', 'rows', 'stale'] as const;
export type DamageKind = (typeof DAMAGE_KINDS)[number];
