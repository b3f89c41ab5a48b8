import { GetBackupVaultAccessPolicyCommand, type BackupClient } from '@aws-sdk/client-backup';
import { GetKeyPolicyCommand, type KMSClient } from '@aws-sdk/client-kms';
import type { ReadPolicy } from '../domain/deletable-by.ts';
import { classOf, isNamed, nameOf } from './aws/errors.ts';

/** The access policy of a vault, as AWS gives it back. */
export async function vaultPolicyOf(backup: BackupClient, vault: string): Promise<ReadPolicy> {
  return orUnknown(async () => {
    try {
      const { Policy } = await backup.send(new GetBackupVaultAccessPolicyCommand({ BackupVaultName: vault }));
      return Policy ?? null;
    } catch (error) {
      // The vault itself has just been described: what is not found is its policy.
      if (isNamed(error, 'ResourceNotFoundException')) return null;
      throw error;
    }
  });
}

/** The policy of a key, as KMS gives it back. */
export async function keyPolicyOf(kms: KMSClient, keyArn: string): Promise<ReadPolicy> {
  return orUnknown(async () => (await kms.send(new GetKeyPolicyCommand({ KeyId: keyArn }))).Policy ?? null);
}

/** What the role may not read is not known; what may be mended by asking again is thrown. */
async function orUnknown(read: () => Promise<ReadPolicy>): Promise<ReadPolicy> {
  try {
    return await read();
  } catch (error) {
    const refused = classOf(error);
    if (refused !== 'denied' && refused !== 'permanent') throw error;
    return { unknown: nameOf(error) };
  }
}
