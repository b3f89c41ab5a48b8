import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BackupClient,
  ListBackupJobsCommand,
  ListCopyJobsCommand,
  ListRecoveryPointsByBackupVaultCommand,
  ListRestoreJobsCommand,
} from '@aws-sdk/client-backup';
import { DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds';
import type { AccountName } from '../../domain/policy/schema.ts';
import { TASK_QUEUE } from '../../domain/names.ts';
import type { NightResult } from '../../domain/requests.ts';
import type { nightlyRun } from '../../workflows/index.ts';
import { wholeSite, type WholeSite } from '../support/whole-site.ts';

let site: WholeSite;
beforeAll(async () => {
  site = await wholeSite();
}, 240_000);
afterAll(async () => {
  // Unset when the site could not be started; that is reported by the hook above.
  if (site as WholeSite | undefined) await site.stop();
}, 60_000);

type Victim = Parameters<WholeSite['kill']>[0];

/** Runs a night, and kills `victims` one after the other, each `afterMs` after the one before; each is started again at once. */
async function nightWithKills(
  victims: readonly (readonly [afterMs: number, victim: Victim])[],
): Promise<NightResult> {
  const slot = `${new Date().toISOString().slice(0, 19)}Z`;
  const handle = await site.client.workflow.start<typeof nightlyRun>('nightlyRun', {
    taskQueue: TASK_QUEUE,
    workflowId: `night/night-${slot}`,
    args: [{ policy: site.zone.policy, policySha256: 'ab'.repeat(32), slot }],
  });
  for (const [afterMs, victim] of victims) {
    await sleep(afterMs);
    await site.kill(victim);
    await site.start(victim);
  }
  return handle.result();
}

/** What lies in AWS after a night: everything that must exist once, and everything that must not be left. */
async function traces() {
  const { policy, administrators } = { ...site.zone, ...site };
  const endpoint = site.environment['AWS_ENDPOINT_URL'] ?? '';
  const at = (account: AccountName, region: string): BackupClient =>
    new BackupClient({ endpoint, region, credentials: administrators[account] });
  const rds = new RDSClient({ endpoint, region: 'us-east-1', credentials: administrators.drill });
  const [backups, relay, transit, restores, points, instances] = await Promise.all([
    at('production', 'eu-central-1').send(new ListBackupJobsCommand({})),
    at('production', 'us-east-1').send(new ListCopyJobsCommand({})),
    at('vault', 'us-east-1').send(new ListCopyJobsCommand({})),
    at('drill', 'us-east-1').send(new ListRestoreJobsCommand({})),
    at('drill', 'us-east-1').send(
      new ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: policy.drill.transitVault }),
    ),
    rds.send(new DescribeDBInstancesCommand({})),
  ]);
  return {
    backups: backups.BackupJobs?.length,
    relayCopies: relay.CopyJobs?.length,
    transitCopies: transit.CopyJobs?.length,
    restores: restores.RestoreJobs?.length,
    left: [...(points.RecoveryPoints ?? []), ...(instances.DBInstances ?? [])].length,
  };
}

test('a night whose workers are killed again and again ends passed, with nothing double and nothing left', async () => {
  const result = await nightWithKills([
    [1_500, 'worker'],
    [3_000, 'proberProduction'],
    [4_000, 'worker'],
    [5_000, 'proberDrill'],
    [2_500, 'worker'],
  ]);
  expect(result).toMatchObject({ verdict: 'passed', seal: { sequence: 1 } });
  // One restore for the drill, one for the copy that is spoilt on purpose.
  expect(await traces()).toMatchObject({ backups: 1, transitCopies: 2, restores: 2, left: 0 });
}, 400_000);

test('a night during which AWS itself is killed ends in a seal, and leaves nothing behind', async () => {
  const result = await nightWithKills([
    [4_000, 'local-aws'],
    [8_000, 'local-aws'],
  ]);
  expect(result.seal).not.toBeNull();
  expect(result.population).toHaveLength(1);
  expect((await traces()).left).toBe(0);
}, 400_000);
