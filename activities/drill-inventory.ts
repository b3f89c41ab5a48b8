import { ListRecoveryPointsByBackupVaultCommand } from '@aws-sdk/client-backup';
import {
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
} from '@aws-sdk/client-rds';
import { GetResourcesCommand } from '@aws-sdk/client-resource-groups-tagging-api';
import { ListSecretsCommand } from '@aws-sdk/client-secrets-manager';
import {
  BUCKET_LIST,
  leftoversOf,
  TAG_LIST,
  type Inventory,
  type Listed,
} from '../domain/drill-inventory.ts';
import { TAG } from '../domain/names.ts';
import type { Policy } from '../domain/policy/schema.ts';
import { transitVault } from '../domain/route.ts';
import { inAccount, type AwsClients } from './aws/clients.ts';
import { classOf, nameOf } from './aws/errors.ts';
import { allPages } from './aws/pages.ts';
import { pollUntil, type Polling } from './aws/poll.ts';
import { listBuckets } from './kinds/s3-bucket.ts';

export interface CompareInventories {
  readonly policy: Policy;
  readonly before: Inventory;
  readonly drill: string;
  readonly copyName: string;
  /** Further things that the drill made, such as its secret and the point in the transit vault. */
  readonly arns: readonly string[];
}

/** How often the account is looked at again while something of the drill is still listed: some lists lag behind a deletion. */
const LOOKS = 15;

type Lister = (policy: Policy) => Promise<Listed[]>;

/**
 * Inventories of the drill account: each thing is listed by several services, most of which a drill never writes to, so that what it
 * left behind is seen even when its own bookkeeping is wrong.
 */
export function createInventoriesOfDrills({ clients, polling }: { clients: AwsClients; polling: Polling }) {
  const listers = listersWith(clients);

  async function inventory(policy: Policy): Promise<Inventory> {
    const unread: { source: string; reason: string }[] = [];
    const lists = Object.entries(listers).map(async ([source, list]) => {
      try {
        return await list(policy);
      } catch (error) {
        // What is only slow or throttled is asked again with the whole activity; a refusal is said.
        if (classOf(error) === 'transient') throw error;
        if (classOf(error) === 'credentials') {
          clients.forget();
          throw error;
        }
        // A policy without buckets need not give its role the right to list them.
        const concerns = source !== BUCKET_LIST || policy.resources.some(({ kind }) => kind === 's3-bucket');
        if (concerns) unread.push({ source, reason: nameOf(error) });
        return [];
      }
    });
    return { things: (await Promise.all(lists)).flat(), unread };
  }

  return {
    /** Everything in the drill account that a drill could make. */
    async takeInventory({ policy }: { policy: Policy }): Promise<Inventory> {
      return inventory(policy);
    },

    /** Looks until nothing of the drill is listed any more, or patience ends. @returns what is still there, and all that was seen. */
    async compareInventories({
      policy,
      before,
      drill,
      copyName,
      arns,
    }: CompareInventories): Promise<{ after: Inventory; leftovers: readonly string[] }> {
      let looks = 0;
      return pollUntil(polling, async () => {
        const after = await inventory(policy);
        const leftovers = leftoversOf(before, after, { drill, copyName, arns });
        looks += 1;
        if (leftovers.length === 0 || looks >= LOOKS) return { done: { after, leftovers } };
        return { waiting: `${leftovers.length} things are still listed` };
      });
    },
  };
}

function listersWith(clients: AwsClients): Record<string, Lister> {
  const at = (policy: Policy) => inAccount(policy, 'drill', policy.drill.region);
  const tagOf = (tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined) =>
    tags?.find(({ Key }) => Key === TAG.drill)?.Value ?? null;
  const marker = (Marker: string | undefined) => (Marker === undefined ? {} : { Marker });
  const token = (NextToken: string | undefined) => (NextToken === undefined ? {} : { NextToken });

  return {
    'rds:DescribeDBInstances': (policy) =>
      allPages(async (page) => {
        const answer = await clients.rds(at(policy)).send(new DescribeDBInstancesCommand(marker(page)));
        const items = answer.DBInstances?.map(({ DBInstanceArn = '', TagList }) => ({
          arn: DBInstanceArn,
          source: 'rds:DescribeDBInstances',
          drill: tagOf(TagList),
        }));
        return { items, next: answer.Marker };
      }),
    'rds:DescribeDBSnapshots': (policy) =>
      allPages(async (page) => {
        const answer = await clients.rds(at(policy)).send(new DescribeDBSnapshotsCommand(marker(page)));
        const items = answer.DBSnapshots?.map(({ DBSnapshotArn = '', TagList }) => ({
          arn: DBSnapshotArn,
          source: 'rds:DescribeDBSnapshots',
          drill: tagOf(TagList),
        }));
        return { items, next: answer.Marker };
      }),
    'rds:DescribeDBInstanceAutomatedBackups': (policy) =>
      allPages(async (page) => {
        const answer = await clients
          .rds(at(policy))
          .send(new DescribeDBInstanceAutomatedBackupsCommand(marker(page)));
        // The ARN of an automated backup does not name its instance: the instance's own ARN does.
        const items = answer.DBInstanceAutomatedBackups?.map(
          ({ DBInstanceAutomatedBackupsArn = '', DBInstanceArn = '' }) => ({
            arn: `${DBInstanceAutomatedBackupsArn} of ${DBInstanceArn}`,
            source: 'rds:DescribeDBInstanceAutomatedBackups',
            drill: null,
          }),
        );
        return { items, next: answer.Marker };
      }),
    [BUCKET_LIST]: async (policy) => {
      const buckets = await listBuckets(clients.s3(at(policy)), policy.drill.region);
      return buckets.map(({ name }) => ({ arn: `arn:aws:s3:::${name}`, source: BUCKET_LIST, drill: null }));
    },
    'secretsmanager:ListSecrets': (policy) =>
      allPages(async (page) => {
        const answer = await clients.secrets(at(policy)).send(new ListSecretsCommand(token(page)));
        const items = answer.SecretList?.map(({ ARN = '', Tags }) => ({
          arn: ARN,
          source: 'secretsmanager:ListSecrets',
          drill: tagOf(Tags),
        }));
        return { items, next: answer.NextToken };
      }),
    'backup:ListRecoveryPointsByBackupVault': (policy) =>
      allPages(async (page) => {
        const BackupVaultName = transitVault(policy).name;
        const answer = await clients
          .backup(at(policy))
          .send(new ListRecoveryPointsByBackupVaultCommand({ BackupVaultName, ...token(page) }));
        const items = answer.RecoveryPoints?.map(({ RecoveryPointArn = '' }) => ({
          arn: RecoveryPointArn,
          source: 'backup:ListRecoveryPointsByBackupVault',
          drill: null,
        }));
        return { items, next: answer.NextToken };
      }),
    [TAG_LIST]: (policy) =>
      allPages(async (page) => {
        const answer = await clients.tagging(at(policy)).send(
          new GetResourcesCommand({
            TagFilters: [{ Key: TAG.drill }],
            ...(page === undefined ? {} : { PaginationToken: page }),
          }),
        );
        const items = answer.ResourceTagMappingList?.map(({ ResourceARN = '', Tags }) => ({
          arn: ResourceARN,
          source: TAG_LIST,
          drill: tagOf(Tags),
        }));
        return { items, next: answer.PaginationToken };
      }),
  };
}
