import {
  DeleteRecoveryPointCommand,
  DescribeCopyJobCommand,
  DescribeRecoveryPointCommand,
  DescribeRestoreJobCommand,
} from '@aws-sdk/client-backup';
import { DescribeSecretCommand } from '@aws-sdk/client-secrets-manager';
import type { Policy } from '../domain/policy/schema.ts';
import { TAG } from '../domain/names.ts';
import { finalVault, transitVault } from '../domain/route.ts';
import type { TeardownFact } from '../domain/facts.ts';
import { inAccount, type AwsClients } from './aws/clients.ts';
import { isNamed, refuse } from './aws/errors.ts';
import { pollUntil, type Polling } from './aws/poll.ts';
import { failure } from './failures.ts';
import type { Drivers } from './kinds/index.ts';
import { restoredByUs, type Copy } from './restores.ts';

type Proof = TeardownFact['removed'][number];

/** Taking a drill down, and proving that it is gone. Every activity is harmless when there is nothing (left) to remove. */
export function createTeardownActivities({
  clients,
  drivers,
  polling,
}: {
  clients: AwsClients;
  drivers: Drivers;
  polling: Polling;
}) {
  const drillBackup = (policy: Policy) => clients.backup(inAccount(policy, 'drill', policy.drill.region));
  const refusing = (doing: string) => (error: unknown) =>
    refuse(error, { doing, otherwise: 'TeardownIncomplete', forget: clients.forget });

  return {
    /** A restore that is still running would make its resource after we looked: wait until its job is over, whatever its end. */
    async settleRestore({ policy, jobId }: { policy: Policy; jobId: string }): Promise<void> {
      await pollUntil(polling, async () => {
        const { Status, CreatedResourceArn } = await drillBackup(policy)
          .send(new DescribeRestoreJobCommand({ RestoreJobId: jobId }))
          .catch(refusing(`follow restore job ${jobId}`));
        const over =
          Status === 'COMPLETED' ||
          Status === 'FAILED' ||
          Status === 'ABORTED' ||
          (CreatedResourceArn ?? '') !== '';
        return over ? { done: undefined } : { waiting: Status ?? 'unknown' };
      });
    },

    /** Asks for the deletion of a copy. A copy whose worker died before it was tagged is claimed first, if AWS Backup shows that it is ours. */
    async deleteCopy({ policy, kind, name, drill }: Copy & { readonly drill: string }): Promise<void> {
      const driver = drivers[kind];
      try {
        const found = (await driver.listRestored(policy)).find((copy) => copy.name === name);
        if (
          found !== undefined &&
          found.tags?.[TAG.drill] === undefined &&
          (await restoredByUs(clients, policy, found.arn))
        )
          await driver.tagRestored(policy, name, { [TAG.policy]: policy.name, [TAG.drill]: drill });
        await driver.deleteRestored(policy, name, drill);
      } catch (error) {
        refuse(error, { doing: `delete ${name}`, otherwise: 'TeardownIncomplete', forget: clients.forget });
      }
    },

    /** Waits until the copy does not exist, and looks for everything that it may have left. */
    async waitUntilCopyGone({
      policy,
      kind,
      name,
      secretArn,
    }: Copy & { readonly secretArn: string | null }): Promise<Proof[]> {
      const driver = drivers[kind];
      return pollUntil(polling, async () => {
        const { state, status } = await driver.restoredState(policy, name).catch(refusing(`look at ${name}`));
        if (state !== 'absent') return { waiting: status };
        const left = await driver.leftovers(policy, name).catch(refusing(`look for leftovers of ${name}`));
        if (secretArn === null) return { done: [...left] };
        const secret = await lookForSecret(clients, policy, secretArn).catch(
          refusing(`look for the secret of ${name}`),
        );
        return secret.absent
          ? { done: [...left, secret] }
          : { waiting: `the secret of ${name} is ${secret.seen}` };
      });
    },

    /** Waits until the copy job to the transit vault is over. @returns the point that it made, null when it made none. */
    async settleTransitCopy({
      policy,
      copyJobId,
    }: {
      policy: Policy;
      copyJobId: string;
    }): Promise<string | null> {
      const { account, region } = finalVault(policy);
      return pollUntil(polling, async () => {
        const { CopyJob: job } = await clients
          .backup(inAccount(policy, account, region))
          .send(new DescribeCopyJobCommand({ CopyJobId: copyJobId }))
          .catch(refusing(`follow copy job ${copyJobId}`));
        if (job?.State === 'COMPLETED' || job?.State === 'PARTIAL')
          return { done: job.DestinationRecoveryPointArn ?? null };
        if (job?.State === 'FAILED') return { done: null };
        return { waiting: job?.State ?? 'unknown' };
      });
    },

    /** Asks for the deletion of a point in the transit vault, and in no other: account, vault, ARN and lock are looked at first. */
    async deleteTransitPoint({ policy, pointArn }: { policy: Policy; pointArn: string }): Promise<void> {
      const vault = transitVault(policy);
      const [, , , region, account] = pointArn.split(':');
      if (account !== policy.accounts.drill.id || region !== vault.region)
        throw failure(
          'ForeignResource',
          `Refused to delete ${pointArn}: it is not in the drill account and region.`,
          { pointArn },
        );
      try {
        await drillBackup(policy).send(
          new DeleteRecoveryPointCommand({ BackupVaultName: vault.name, RecoveryPointArn: pointArn }),
        );
      } catch (error) {
        if (isNamed(error, 'ResourceNotFoundException')) return;
        if (isNamed(error, 'InvalidResourceStateException'))
          throw new Error(`${pointArn} is busy, its deletion is tried again`, { cause: error });
        refuse(error, {
          doing: `delete ${pointArn}`,
          otherwise: 'TeardownIncomplete',
          forget: clients.forget,
        });
      }
    },

    /** A deletion may answer 200 and delete nothing (contract §3.4): only "not found" is gone. */
    async waitUntilTransitPointGone({
      policy,
      pointArn,
    }: {
      policy: Policy;
      pointArn: string;
    }): Promise<Proof[]> {
      const { name } = transitVault(policy);
      return pollUntil<Proof[]>(polling, async () => {
        try {
          const { Status } = await drillBackup(policy).send(
            new DescribeRecoveryPointCommand({ BackupVaultName: name, RecoveryPointArn: pointArn }),
          );
          if (Status === 'EXPIRED')
            return {
              done: [{ what: pointArn, absent: false, seen: 'EXPIRED: AWS Backup could not delete it' }],
            };
          return { waiting: Status ?? 'unknown' };
        } catch (error) {
          if (isNamed(error, 'ResourceNotFoundException'))
            return { done: [{ what: pointArn, absent: true, seen: 'ResourceNotFoundException' }] };
          return refuse(error, {
            doing: `look for ${pointArn}`,
            otherwise: 'TeardownIncomplete',
            forget: clients.forget,
          });
        }
      });
    },
  };
}

/** RDS removes the secret that it manages together with its instance; a drill's credentials must not outlive it. */
async function lookForSecret(clients: AwsClients, policy: Policy, secretArn: string): Promise<Proof> {
  try {
    const secrets = clients.secrets(inAccount(policy, 'drill', policy.drill.region));
    const { DeletedDate } = await secrets.send(new DescribeSecretCommand({ SecretId: secretArn }));
    return {
      what: secretArn,
      absent: DeletedDate !== undefined,
      seen: DeletedDate === undefined ? 'still there' : 'scheduled for deletion',
    };
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException'))
      return { what: secretArn, absent: true, seen: 'ResourceNotFoundException' };
    throw error;
  }
}
