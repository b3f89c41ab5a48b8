/** Key disabled or about to be deleted: for seven days the instance can be started again when the key is back. */
export const KEY_LOST = 'inaccessible-encryption-credentials-recoverable';
/** After that it cannot. */
export const KEY_GONE = 'inaccessible-encryption-credentials';

/** Statuses in which no server runs. */
export const DOWN: ReadonlySet<string> = new Set([
  ...['stopped', 'failed', 'restore-error', 'incompatible-restore', 'incompatible-parameters'],
  ...['incompatible-network', 'incompatible-option-group', 'insufficient-capacity', 'storage-full'],
  ...[KEY_LOST, KEY_GONE],
]);

/** Statuses in which an instance can be deleted only without a final snapshot. */
export const WITHOUT_FINAL_SNAPSHOT: ReadonlySet<string> = new Set(
  [...DOWN].filter((one) => one !== 'stopped'),
);
