import type { Policy } from '../domain/policy/schema.ts';
import type { ResourceKind } from '../domain/policy/schema.ts';
import { TAG } from '../domain/names.ts';
import { transitVault } from '../domain/route.ts';
import { duration, type Instant } from '../domain/units.ts';
import { inAccount, type AwsClients } from './aws/clients.ts';
import { classOf, refuse } from './aws/errors.ts';
import { DescribeRecoveryPointCommand } from '@aws-sdk/client-backup';
import type { Drivers } from './kinds/index.ts';
import { listPoints } from './recovery-points.ts';
import { restoredByUs } from './restores.ts';

/** Something in the drill account that has outlived its drill, or that looks like ours and is not. */
export interface Orphan {
  readonly what: 'copy' | 'transit-point';
  readonly kind: ResourceKind | null;
  readonly name: string;
  readonly arn: string;
  readonly drill: string;
  readonly why: string;
}

export interface Orphans {
  readonly remove: readonly Orphan[];
  readonly refused: readonly { readonly arn: string; readonly why: string }[];
}

/** Finds what drills left behind, by tags and names alone: it must work when everything else is dead. */
export function createSweepActivities({ clients, drivers }: { clients: AwsClients; drivers: Drivers }) {
  return {
    async findOrphans({ policy, awsNow }: { policy: Policy; awsNow: Instant }): Promise<Orphans> {
      try {
        const [copies, points] = await Promise.all([
          orphanedCopies(policy, awsNow),
          orphanedPoints(policy, awsNow),
        ]);
        return { remove: [...copies.remove, ...points], refused: copies.refused };
      } catch (error) {
        return refuse(error, {
          doing: 'look for left-overs in the drill account',
          otherwise: 'PermissionMissing',
          forget: clients.forget,
        });
      }
    },
  };

  async function orphanedCopies(policy: Policy, awsNow: Instant): Promise<Orphans> {
    const remove: Orphan[] = [];
    const refused: { arn: string; why: string }[] = [];
    const grace = duration(policy.drill.expiresAfter);
    for (const driver of Object.values(drivers)) {
      const copies = await driver.listRestored(policy).catch((error: unknown) => {
        // A policy without resources of a kind need not give its role the right to list them.
        const own = policy.resources.some(({ kind }) => kind === driver.kind);
        if (!own && classOf(error) === 'denied') return [];
        throw error;
      });
      for (const { name, arn, tags, createdAt } of copies) {
        const found = { what: 'copy' as const, kind: driver.kind, name, arn };
        const expiresAt = tags?.[TAG.expiresAt];
        if (tags?.[TAG.policy] !== undefined && tags[TAG.policy] !== policy.name) continue; // another policy's sweep
        if (expiresAt !== undefined) {
          if (isPast(expiresAt, awsNow))
            remove.push({ ...found, drill: tags?.[TAG.drill] ?? '', why: `expired at ${expiresAt}` });
        } else if (createdAt !== null && isPast(createdAt, awsNow, grace)) {
          // Its worker died between the restore and the tags. Only AWS Backup's own record can tell that it is ours.
          if (await restoredByUs(clients, policy, arn))
            remove.push({ ...found, drill: `sweep/${name}`, why: `untagged since ${createdAt}` });
          else
            refused.push({
              arn,
              why: 'it carries one of our name prefixes, but no tag and no restore job of ours',
            });
        }
      }
    }
    return { remove, refused };
  }

  /** Points stay in the transit vault only while they are restored; their age there counts from the end of the copy. */
  async function orphanedPoints(policy: Policy, awsNow: Instant): Promise<Orphan[]> {
    const vault = transitVault(policy);
    const backup = clients.backup(inAccount(policy, vault.account, vault.region));
    const orphans: Orphan[] = [];
    for (const { RecoveryPointArn: arn = '', CompletionDate } of await listPoints(clients, policy, vault)) {
      const completed =
        CompletionDate ??
        (
          await backup.send(
            new DescribeRecoveryPointCommand({ BackupVaultName: vault.name, RecoveryPointArn: arn }),
          )
        ).CompletionDate;
      if (
        completed === undefined ||
        !isPast(completed.toISOString(), awsNow, duration(policy.drill.expiresAfter))
      )
        continue;
      orphans.push({
        what: 'transit-point',
        kind: null,
        name: arn,
        arn,
        drill: '',
        why: `copied at ${completed.toISOString()} and still there`,
      });
    }
    return orphans;
  }
}

function isPast(instant: Instant, now: Instant, graceSeconds = 0): boolean {
  return Date.parse(instant) + graceSeconds * 1000 < Date.parse(now);
}
