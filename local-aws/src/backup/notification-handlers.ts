import * as Backup from '@aws-sdk/client-backup';
import type { Handlers } from '../wire/handlers.ts';
import { vaultFor } from './access.ts';
import type { BackupContext } from './context.ts';
import { fault, required } from './faults.ts';
import { keyOf, vaultArn } from './names.ts';

/** Which events of a vault go to which topic. */
export function notificationHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { store } = context;
  return {
    async PutBackupVaultNotifications(input, call) {
      const vault = vaultFor(context, call, 'backup:PutBackupVaultNotifications', input.BackupVaultName);
      const topicArn = required(input.SNSTopicArn, 'SNSTopicArn');
      if (!/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}$/.test(topicArn))
        throw fault(Backup.InvalidParameterValueException, `${topicArn} is no ARN of a standard SNS topic.`);
      const events = required(input.BackupVaultEvents, 'BackupVaultEvents');
      const unknown = events.find((event) => !(event in Backup.BackupVaultEvent));
      if (unknown !== undefined || events.length === 0)
        throw fault(
          Backup.InvalidParameterValueException,
          `BackupVaultEvents must name at least one of ${Object.keys(Backup.BackupVaultEvent).join(', ')}; got ${unknown ?? 'none'}.`,
        );
      const notifications = { topicArn, events: [...events] };
      await store.vaults.put(keyOf(vault, vault.name), { ...vault, notifications });
      return {};
    },

    async GetBackupVaultNotifications(input, call) {
      const vault = vaultFor(context, call, 'backup:GetBackupVaultNotifications', input.BackupVaultName);
      if (!vault.notifications)
        throw fault(Backup.ResourceNotFoundException, `Backup vault ${vault.name} has no notifications.`);
      return {
        BackupVaultName: vault.name,
        BackupVaultArn: vaultArn(vault),
        SNSTopicArn: vault.notifications.topicArn,
        BackupVaultEvents: [...vault.notifications.events] as Backup.BackupVaultEvent[],
      };
    },

    async DeleteBackupVaultNotifications(input, call) {
      const vault = vaultFor(context, call, 'backup:DeleteBackupVaultNotifications', input.BackupVaultName);
      await store.vaults.put(keyOf(vault, vault.name), { ...vault, notifications: undefined });
      return {};
    },
  };
}
