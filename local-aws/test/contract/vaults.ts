import { expect } from '@jest/globals';
import { contractTest, FREE, type Contract } from '../support/contract.ts';

async function makeVault(aws: Contract, word: string, BackupVaultTags?: Record<string, string>) {
  const BackupVaultName = aws.name(word);
  aws.undo(`backup vault ${BackupVaultName}`, () =>
    aws.backup.deleteBackupVault({ BackupVaultName }).catch((err: unknown) => {
      if ((err as Error).name !== 'ResourceNotFoundException') throw err;
    }),
  );
  const made = await aws.backup.createBackupVault({
    BackupVaultName,
    ...(BackupVaultTags && { BackupVaultTags }),
  });
  return { BackupVaultName, arn: made.BackupVaultArn };
}

/** AWS Backup: vaults without recovery points. */
export function vaults(): void {
  contractTest('a backup vault is there at once, once, with its key and tags', FREE, async (aws) => {
    const tags = { team: 'orders' };
    const { BackupVaultName, arn } = await makeVault(aws, 'vault', tags);
    expect(arn).toBe(`arn:aws:backup:${aws.region}:${aws.accountId}:backup-vault:${BackupVaultName}`);
    const vault = await aws.backup.describeBackupVault({ BackupVaultName });
    expect(vault).toMatchObject({
      ...{ BackupVaultName, BackupVaultArn: arn, NumberOfRecoveryPoints: 0, Locked: false },
      EncryptionKeyArn: expect.stringMatching(`^arn:aws:kms:${aws.region}:`) as unknown,
    });
    expect((await aws.backup.listTags({ ResourceArn: arn })).Tags).toEqual(tags);
    await expect(aws.backup.createBackupVault({ BackupVaultName })).rejects.toMatchObject({
      name: 'AlreadyExistsException',
    });
    await aws.backup.deleteBackupVault({ BackupVaultName });
    const refusal = await aws.until('the vault is gone', () =>
      aws.backup.describeBackupVault({ BackupVaultName }).then(
        () => undefined,
        (err: unknown) => err as Error,
      ),
    );
    // AWS has been seen to answer either.
    expect(['ResourceNotFoundException', 'AccessDeniedException']).toContain(refusal.name);
  });

  contractTest(
    'a vault lock in governance mode is read back with its limits, and can be taken off',
    FREE,
    async (aws) => {
      const { BackupVaultName } = await makeVault(aws, 'lock');
      await aws.backup.putBackupVaultLockConfiguration({
        ...{ BackupVaultName, MinRetentionDays: 7, MaxRetentionDays: 35 },
      });
      const locked = await aws.backup.describeBackupVault({ BackupVaultName });
      expect(locked).toMatchObject({ Locked: true, MinRetentionDays: 7, MaxRetentionDays: 35 });
      expect(locked.LockDate).toBeUndefined();
      await aws.backup.deleteBackupVaultLockConfiguration({ BackupVaultName });
      expect(await aws.backup.describeBackupVault({ BackupVaultName })).toMatchObject({ Locked: false });
    },
  );

  contractTest('a vault lock that makes no sense is refused, and locks nothing', FREE, async (aws) => {
    const { BackupVaultName } = await makeVault(aws, 'no-lock');
    const lock = (limits: {
      MinRetentionDays: number;
      MaxRetentionDays: number;
      ChangeableForDays?: number;
    }) => aws.backup.putBackupVaultLockConfiguration({ BackupVaultName, ...limits });
    const refused = { name: 'InvalidParameterValueException', $metadata: { httpStatusCode: 400 } };
    await expect(lock({ MinRetentionDays: 10, MaxRetentionDays: 5 })).rejects.toMatchObject(refused);
    await expect(
      lock({ MinRetentionDays: 1, MaxRetentionDays: 5, ChangeableForDays: 2 }),
    ).rejects.toMatchObject(refused);
    expect(await aws.backup.describeBackupVault({ BackupVaultName })).toMatchObject({ Locked: false });
  });

  contractTest(
    'a vault lock in compliance mode says until when it may still be taken off',
    {
      safeOnRealAws: false,
      why: 'if the run dies, the lock of an account becomes irrevocable after three days',
    },
    async (aws) => {
      const { BackupVaultName } = await makeVault(aws, 'compliance');
      await aws.backup.putBackupVaultLockConfiguration({
        ...{ BackupVaultName, MinRetentionDays: 1, MaxRetentionDays: 5, ChangeableForDays: 3 },
      });
      const { Locked, LockDate, CreationDate } = await aws.backup.describeBackupVault({ BackupVaultName });
      expect(Locked).toBe(true);
      const days = (LockDate!.getTime() - CreationDate!.getTime()) / 86_400_000;
      expect(days).toBeCloseTo(3, 2);
    },
  );

  contractTest('vaults are listed by pages, each vault once', FREE, async (aws) => {
    const made = [await makeVault(aws, 'page'), await makeVault(aws, 'page')];
    const seen: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await aws.backup.listBackupVaults({ MaxResults: 1, ...(NextToken && { NextToken }) });
      expect(page.BackupVaultList?.length).toBeLessThanOrEqual(1);
      seen.push(...(page.BackupVaultList ?? []).map(({ BackupVaultName = '' }) => BackupVaultName));
      ({ NextToken } = page);
    } while (NextToken !== undefined);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(made.map(({ BackupVaultName }) => BackupVaultName)));
  });
}
