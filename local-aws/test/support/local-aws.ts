import { EC2Client } from '@aws-sdk/client-ec2';
import { IAMClient } from '@aws-sdk/client-iam';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalAws, type LocalAws } from '../../src/index.ts';

export const PRODUCTION = '111111111111';
export const VAULT = '222222222222';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A folder for state that PostgreSQL's user can pass through, removed by `dispose`. */
export function temporaryState(): { path: string; dispose: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'local-aws-'));
  chmodSync(path, 0o711);
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

export class Laboratory {
  readonly aws: LocalAws;
  private readonly state: ReturnType<typeof temporaryState>;

  private constructor(aws: LocalAws, state: ReturnType<typeof temporaryState>) {
    this.aws = aws;
    this.state = state;
  }

  static async start(): Promise<Laboratory> {
    const state = temporaryState();
    return new Laboratory(await startLocalAws(Laboratory.options(state.path)), state);
  }

  static options(stateDir: string) {
    const accounts = [
      { id: PRODUCTION, name: 'production' },
      { id: VAULT, name: 'vault' },
    ];
    return { stateDir, port: 0, adminPort: 0, accounts };
  }

  /** The same state in a new server, as after a restart. */
  async restart(): Promise<Laboratory> {
    await this.aws.close();
    return new Laboratory(await startLocalAws(Laboratory.options(this.state.path)), this.state);
  }

  get stateDir(): string {
    return this.state.path;
  }

  async close(): Promise<void> {
    await this.aws.close();
    this.state.dispose();
  }

  admin(account = PRODUCTION): Credentials {
    return this.aws.accounts[account]!;
  }

  /** One attempt only: the SDK's retries would hide failures. */
  config(credentials: Credentials = this.admin(), region = 'eu-central-1') {
    return { endpoint: this.aws.endpoint, region, credentials, maxAttempts: 1 };
  }

  s3 = (credentials?: Credentials, region?: string) => new S3Client(this.config(credentials, region));
  kms = (credentials?: Credentials, region?: string) => new KMSClient(this.config(credentials, region));
  sts = (credentials?: Credentials) => new STSClient(this.config(credentials));
  iam = (credentials?: Credentials) => new IAMClient(this.config(credentials));
  ec2 = (credentials?: Credentials, region?: string) => new EC2Client(this.config(credentials, region));
  secrets = (credentials?: Credentials) => new SecretsManagerClient(this.config(credentials));

  async assume(
    roleArn: string,
    from: Credentials = this.admin(),
    extra: { ExternalId?: string; Policy?: string; DurationSeconds?: number } = {},
  ): Promise<Credentials> {
    const { Credentials: got } = await this.sts(from).send(
      new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: 'test', ...extra }),
    );
    return {
      accessKeyId: got!.AccessKeyId!,
      secretAccessKey: got!.SecretAccessKey!,
      sessionToken: got!.SessionToken!,
    };
  }

  async ask(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<Record<string, unknown>> {
    const response = await fetch(this.aws.adminEndpoint + path, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    });
    return (await response.json()) as Record<string, unknown>;
  }

  advanceDays = (days: number) => this.ask('POST', '/clock/advance', { days });
}

export const policy = (...statements: object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
