import { expect, test } from '@jest/globals';
import type { AwsClients } from '../../activities/aws/clients.ts';
import { createBackupJobActivities } from '../../activities/backup-jobs.ts';
import type { Drivers } from '../../activities/kinds/index.ts';
import { createRestoreActivities } from '../../activities/restores.ts';
import { finalVault, routeOf } from '../../domain/route.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import { somePolicy } from '../support/fake-site.ts';

/** Any call fails the test: nothing may be asked of AWS once a place is refused. */
const clients = new Proxy({} as AwsClients, {
  get: (_, service) => () => {
    throw new Error(`${String(service)} was called`);
  },
});
const polling = { pollSeconds: 0 };
const only = (...regions: string[]): Policy => ({ ...somePolicy(), residency: { regions } });
const slot = '2026-11-21T02:30:00Z';

test('a backup, a copy and a restore outside the policy’s regions are refused before AWS is asked', async () => {
  const jobs = createBackupJobActivities({ clients, polling });
  const { startRestore } = createRestoreActivities({ clients, drivers: {} as Drivers, polling });
  const abroad = only('us-east-1');
  const home = only('eu-central-1');
  const resourceArn = 'arn:aws:rds:eu-central-1:111111111111:db:orders';
  const refused = (why: unknown) => expect.objectContaining({ type: 'ResidencyRefused', message: why });

  await expect(
    jobs.startBackup({ policy: abroad, resource: 'orders', resourceArn, slot, attempt: 0 }),
  ).rejects.toEqual(
    refused(
      'Refused to start the backup of orders: data would be in eu-central-1; residency.regions allows us-east-1.',
    ),
  );
  const [from] = routeOf(home);
  const copy = { policy: home, from, to: finalVault(home), pointArn: 'p', deleteAfterDays: 90, purpose: 'x' };
  await expect(jobs.startCopy(copy)).rejects.toEqual(
    refused(expect.stringContaining('data would be in us-east-1')),
  );
  await expect(
    startRestore({ policy: home, kind: 'rds-instance', name: 'lb-drill-x', pointArn: 'p', drill: 'd' }),
  ).rejects.toEqual(refused(expect.stringContaining('Refused to start the restore of p as lb-drill-x')));
});

test('inside them, AWS is asked', async () => {
  const jobs = createBackupJobActivities({ clients, polling });
  const policy = only('eu-central-1', 'us-east-1');
  await expect(
    jobs.startBackup({ policy, resource: 'orders', resourceArn: 'a', slot, attempt: 0 }),
  ).rejects.toThrow('backup was called');
});
