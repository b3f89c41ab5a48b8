import { Backup } from '@aws-sdk/client-backup';
import { IAM } from '@aws-sdk/client-iam';
import { KMS } from '@aws-sdk/client-kms';
import { RDS } from '@aws-sdk/client-rds';
import { S3 } from '@aws-sdk/client-s3';
import { SecretsManager } from '@aws-sdk/client-secrets-manager';
import type { KillableServer } from './server.ts';

export const REGION = 'eu-central-1';
export const ACCOUNT = '111111111111';
export const BUCKET = 'survivors';
export const DATABASE = 'ledger';
export const VAULT = 'survivors';
export const ROLE = 'backup-service';

export interface Clients {
  readonly s3: S3;
  readonly iam: IAM;
  readonly kms: KMS;
  readonly rds: RDS;
  readonly backup: Backup;
  readonly secrets: SecretsManager;
}

export function clientsOf({ endpoint, credentials }: KillableServer): Clients {
  const config = { endpoint, region: REGION, credentials, maxAttempts: 1 };
  return {
    ...{ s3: new S3(config), iam: new IAM(config), kms: new KMS(config), rds: new RDS(config) },
    ...{ backup: new Backup(config), secrets: new SecretsManager(config) },
  };
}

/** Something with a name and a value that one writer changes step by step: what it was told last is what must be there. */
export interface Thing {
  readonly kind: string;
  /** Makes or changes it; resolves when the server said 2xx. `had` is what it was before, as far as is known. */
  write(clients: Clients, name: string, value: string, had: string | undefined): Promise<void>;
  /** Its value; undefined when it is not there. */
  read(clients: Clients, name: string): Promise<string | undefined>;
  /** Absent when there is nothing like it in AWS. */
  remove?(clients: Clients, name: string): Promise<void>;
}

/** Up to 1.5 MiB, from the value alone, so that a reader can check every byte. */
function bodyOf(value: string): string {
  const repeats = 1 + ((Number(value) * 7919) % 40_000);
  return `${value};`.repeat(repeats);
}

async function orMissing<T>(asked: Promise<T>, names: readonly string[]): Promise<T | undefined> {
  return asked.catch((err: unknown) => {
    if (names.includes((err as Error).name)) return undefined;
    throw err;
  });
}

export const THINGS: readonly Thing[] = [
  {
    kind: 's3-object',
    async write({ s3 }, name, value) {
      await s3.putObject({ Bucket: BUCKET, Key: `objects/${name}`, Body: bodyOf(value) });
    },
    async read({ s3 }, name) {
      const got = await orMissing(s3.getObject({ Bucket: BUCKET, Key: `objects/${name}` }), ['NoSuchKey']);
      const text = await got?.Body?.transformToString();
      const value = text?.slice(0, text.indexOf(';'));
      if (value !== undefined && text !== bodyOf(value))
        throw new Error(`Object ${name} has bytes that nobody wrote.`);
      return value;
    },
    async remove({ s3 }, name) {
      await s3.deleteObject({ Bucket: BUCKET, Key: `objects/${name}` });
    },
  },
  {
    kind: 's3-tags',
    async write({ s3 }, name, value, had) {
      const where = { Bucket: BUCKET, Key: `tagged/${name}` };
      if (had === undefined) await s3.putObject({ ...where, Body: 'tagged', Tagging: `value=${value}` });
      else await s3.putObjectTagging({ ...where, Tagging: { TagSet: [{ Key: 'value', Value: value }] } });
    },
    async read({ s3 }, name) {
      const where = { Bucket: BUCKET, Key: `tagged/${name}` };
      const got = await orMissing(s3.getObjectTagging(where), ['NoSuchKey']);
      return got?.TagSet?.find(({ Key }) => Key === 'value')?.Value;
    },
  },
  {
    kind: 'iam-role-policy',
    async write({ iam }, name, value, had) {
      const trust = {
        Effect: 'Allow',
        Principal: { Service: 'rds.amazonaws.com' },
        Action: 'sts:AssumeRole',
      };
      const document = (statement: object) =>
        JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
      if (had === undefined)
        await iam
          .createRole({ RoleName: name, AssumeRolePolicyDocument: document(trust) })
          .catch(unless('EntityAlreadyExistsException'));
      const rights = { Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:aws:s3:::bucket-${value}` };
      await iam.putRolePolicy({ RoleName: name, PolicyName: 'rights', PolicyDocument: document(rights) });
    },
    async read({ iam }, name) {
      const asked = iam.getRolePolicy({ RoleName: name, PolicyName: 'rights' });
      const got = await orMissing(asked, ['NoSuchEntityException']);
      return got && /bucket-(\d+)/.exec(decodeURIComponent(got.PolicyDocument ?? ''))?.[1];
    },
    async remove({ iam }, name) {
      await iam.deleteRolePolicy({ RoleName: name, PolicyName: 'rights' });
    },
  },
  {
    kind: 'kms-alias',
    async write({ kms }, name, value, had) {
      const { KeyMetadata } = await kms.createKey({ Description: value });
      const alias = { AliasName: `alias/${name}`, TargetKeyId: KeyMetadata?.KeyId };
      if (had === undefined)
        await kms.createAlias(alias).catch(async (err: unknown) => {
          unless('AlreadyExistsException')(err);
          await kms.updateAlias(alias);
        });
      else await kms.updateAlias(alias);
    },
    async read({ kms }, name) {
      const got = await orMissing(kms.describeKey({ KeyId: `alias/${name}` }), ['NotFoundException']);
      return got?.KeyMetadata?.Description;
    },
    async remove({ kms }, name) {
      await kms.deleteAlias({ AliasName: `alias/${name}` });
    },
  },
  {
    kind: 'rds-tag',
    async write({ rds }, name, value) {
      const ResourceName = `arn:aws:rds:${REGION}:${ACCOUNT}:pg:survivors`;
      await rds.addTagsToResource({ ResourceName, Tags: [{ Key: name, Value: value }] });
    },
    async read({ rds }, name) {
      const ResourceName = `arn:aws:rds:${REGION}:${ACCOUNT}:pg:survivors`;
      const { TagList = [] } = await rds.listTagsForResource({ ResourceName });
      return TagList.find(({ Key }) => Key === name)?.Value;
    },
    async remove({ rds }, name) {
      const ResourceName = `arn:aws:rds:${REGION}:${ACCOUNT}:pg:survivors`;
      await rds.removeTagsFromResource({ ResourceName, TagKeys: [name] });
    },
  },
  {
    kind: 'backup-vault-policy',
    async write({ backup }, name, value, had) {
      if (had === undefined)
        await backup.createBackupVault({ BackupVaultName: name }).catch(unless('AlreadyExistsException'));
      const statement = {
        ...{ Sid: `v${value}`, Effect: 'Deny', Principal: '*', Resource: '*' },
        Action: 'backup:DeleteRecoveryPoint',
      };
      const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
      await backup.putBackupVaultAccessPolicy({ BackupVaultName: name, Policy });
    },
    async read({ backup }, name) {
      const asked = backup.getBackupVaultAccessPolicy({ BackupVaultName: name });
      const got = await orMissing(asked, ['ResourceNotFoundException']);
      return got && /"v(\d+)"/.exec(got.Policy ?? '')?.[1];
    },
    async remove({ backup }, name) {
      await backup.deleteBackupVaultAccessPolicy({ BackupVaultName: name });
    },
  },
  {
    kind: 'secret',
    async write({ secrets }, name, value, had) {
      if (had !== undefined) {
        await secrets.putSecretValue({ SecretId: name, SecretString: value });
        return;
      }
      await secrets.createSecret({ Name: name, SecretString: value }).catch(async (err: unknown) => {
        unless('ResourceExistsException')(err);
        await secrets.putSecretValue({ SecretId: name, SecretString: value });
      });
    },
    async read({ secrets }, name) {
      const asked = secrets.getSecretValue({ SecretId: name });
      return (await orMissing(asked, ['ResourceNotFoundException']))?.SecretString;
    },
  },
];

/** What an earlier life did although it could not say so. */
function unless(name: string): (err: unknown) => void {
  return (err) => {
    if ((err as Error).name !== name) throw err;
  };
}
