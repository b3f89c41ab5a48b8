import type { AnyHandler, Call, Handlers } from '../wire/handlers.ts';
import type * as Backup from '@aws-sdk/client-backup';
import type { BackupContext } from './context.ts';
import { keyOf } from './names.ts';

/** The vault that every account finds in every region, under the key that AWS manages. */
const NAME = 'Default';
/** These say themselves what becomes of it. */
const OWN_WORDS = new Set(['CreateBackupVault', 'DeleteBackupVault', 'CreateLogicallyAirGappedBackupVault']);

/** Lets the default vault come to be when an operation names it for the first time. */
export function withDefaultVault(
  context: BackupContext,
  handlers: Handlers<typeof Backup>,
): Handlers<typeof Backup> {
  const wrap = ([operation, handler]: [string, AnyHandler]): [string, AnyHandler] => {
    if (OWN_WORDS.has(operation)) return [operation, handler];
    return [
      operation,
      async (input: never, call: Call) => {
        if ((input as { BackupVaultName?: string }).BackupVaultName === NAME) await ensure(context, call);
        return handler(input, call);
      },
    ];
  };
  return Object.fromEntries(Object.entries(handlers as Record<string, AnyHandler>).map(wrap));
}

async function ensure({ store, platform }: BackupContext, { accountId, region }: Call): Promise<void> {
  const place = { accountId, region };
  if (store.vault(place, NAME)) return;
  const { arn: keyArn } = await platform.keys.managed('backup', place);
  if (store.vault(place, NAME)) return;
  const createdAt = store.now();
  await store.vaults.put(keyOf(place, NAME), { ...place, name: NAME, keyArn, tags: {}, createdAt });
}
