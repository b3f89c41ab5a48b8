import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Backup } from '@aws-sdk/client-backup';
import { IAM } from '@aws-sdk/client-iam';
import { S3 } from '@aws-sdk/client-s3';
import { startLocalAws, type LocalAws } from 'lifeboat-local-aws';
import { createBucket } from '../../../activities/aws/bucket.ts';
import type { ProbeHooks } from '../../../probe/engine.ts';
import type { Bucket } from '../../../probe/s3/bucket.ts';
import type { Manifest } from '../../../probe/s3/manifest.ts';
import { s3 as engine } from '../../../probe/s3/engine.ts';

const ACCOUNT = '111111111111';
const REGION = 'us-east-1';
const VAULT = 'lab';
/** A full seed keeps two runs on one machine apart; it is no secret here. */
const NIGHT_SEED = 'the seed of this night';

/** A bucket in the AWS on this computer, with AWS Backup beside it. */
export class BucketLab {
  readonly s3: S3;
  readonly aws: LocalAws;
  readonly folder: string;
  readonly #backup: Backup;
  readonly #iam: IAM;
  #role = '';
  #next = 0;

  private constructor(aws: LocalAws, folder: string) {
    this.aws = aws;
    this.folder = folder;
    const credentials = aws.accounts[ACCOUNT];
    if (credentials === undefined) throw new Error(`The local AWS has no account ${ACCOUNT}.`);
    const config = { endpoint: aws.endpoint, region: REGION, credentials };
    this.s3 = new S3({ ...config, forcePathStyle: true });
    this.#backup = new Backup(config);
    this.#iam = new IAM(config);
  }

  static async open(): Promise<BucketLab> {
    const folder = await mkdtemp(join(tmpdir(), 'lifeboat-bucket-lab-'));
    // The user that PostgreSQL would run as must be able to pass through.
    await chmod(folder, 0o711);
    const aws = await startLocalAws({
      ...{ stateDir: join(folder, 'aws'), port: 0, adminPort: 0 },
      accounts: [{ id: ACCOUNT, name: 'production' }],
    });
    const lab = new BucketLab(aws, folder);
    await lab.#prepare();
    return lab;
  }

  async end(): Promise<void> {
    for (const client of [this.s3, this.#backup, this.#iam]) client.destroy();
    await this.aws.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A new name for a bucket or a folder. */
  name(what: string): string {
    this.#next += 1;
    return `${what}-${this.#next}`;
  }

  async createSource(): Promise<string> {
    const Bucket = this.name('source');
    await this.s3.createBucket({ Bucket, ObjectLockEnabledForBucket: true });
    return Bucket;
  }

  bucket(name: string, s3: S3 = this.s3): Bucket {
    return createBucket({ s3, name, owner: ACCOUNT });
  }

  async manifest(name: string, before?: Manifest): Promise<Manifest> {
    const folder = join(this.folder, this.name('manifest'));
    const pass = before === undefined ? ('before' as const) : ('after' as const);
    return engine.fingerprint(
      this.bucket(name),
      {
        ...{ pass, seed: NIGHT_SEED, folder, turns: { every: 1, night: 0 } },
        ...(before === undefined ? {} : { before: before.head }),
      },
      hooks(),
    );
  }

  /** @returns the ARN of the recovery point. */
  async backUp(name: string): Promise<string> {
    const { BackupJobId } = await this.#backup.startBackupJob({
      ...{ BackupVaultName: VAULT, ResourceArn: `arn:aws:s3:::${name}`, IamRoleArn: this.#role },
    });
    const { RecoveryPointArn = '' } = await this.#over(
      () => this.#backup.describeBackupJob({ BackupJobId }),
      'State',
    );
    return RecoveryPointArn;
  }

  /** Restores to a new bucket. @returns its name */
  async restore(point: string): Promise<string> {
    const name = this.name('copy');
    await this.#restore(point, { DestinationBucketName: name, NewBucket: 'true' });
    return name;
  }

  async restoreInto(point: string, name: string): Promise<void> {
    await this.#restore(point, { DestinationBucketName: name });
  }

  async #restore(point: string, target: Readonly<Record<string, string>>): Promise<void> {
    const { RestoreJobId } = await this.#backup.startRestoreJob({
      ...{ RecoveryPointArn: point, IamRoleArn: this.#role, ResourceType: 'S3' },
      Metadata: { ...target, EncryptionType: 'SSE-S3' },
    });
    await this.#over(() => this.#backup.describeRestoreJob({ RestoreJobId }), 'Status');
  }

  async #over<
    K extends string,
    T extends { readonly [key in K]?: string | undefined } & { readonly StatusMessage?: string | undefined },
  >(look: () => Promise<T>, field: K): Promise<T> {
    for (;;) {
      const seen = await look();
      if (seen[field] === 'COMPLETED') return seen;
      if (['FAILED', 'ABORTED', 'EXPIRED', 'PARTIAL'].includes(seen[field] ?? ''))
        throw new Error(`The job ended ${seen[field] ?? ''}: ${seen.StatusMessage ?? ''}`);
      await sleep(50);
    }
  }

  async #prepare(): Promise<void> {
    const statement = {
      Effect: 'Allow',
      Principal: { Service: 'backup.amazonaws.com' },
      Action: 'sts:AssumeRole',
    };
    const document = (Statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [Statement] });
    const { Role } = await this.#iam.createRole({
      ...{ RoleName: 'backup', AssumeRolePolicyDocument: document(statement) },
    });
    await this.#iam.putRolePolicy({
      ...{ RoleName: 'backup', PolicyName: 'all' },
      PolicyDocument: document({ Effect: 'Allow', Action: ['s3:*', 'backup:*', 'kms:*'], Resource: '*' }),
    });
    this.#role = Role?.Arn ?? '';
    await this.#backup.createBackupVault({ BackupVaultName: VAULT });
  }
}

export function hooks(signal: AbortSignal = new AbortController().signal): ProbeHooks {
  return { heartbeat: () => undefined, signal, now: () => new Date() };
}
