import { S3 } from '@aws-sdk/client-s3';
import { SNS } from '@aws-sdk/client-sns';
import { STS } from '@aws-sdk/client-sts';
import { expect, test } from '@jest/globals';
import {
  type Cloud,
  type Corner,
  cornerOf,
  DRILL,
  HOME,
  openCloud,
  PRODUCTION,
  AWAY,
  VAULT,
} from './database-cloud.ts';

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** One test per row of the list of failure modes: the condition, made here, as a client sees it. */
export const row = (number: number, sentence: string, body: () => Promise<void>): void =>
  test(`${number}: ${sentence}`, body, 120_000);

/** A cloud in which things go wrong on request. */
export class Trouble {
  readonly cloud: Cloud;
  readonly home: Corner;
  readonly away: Corner;
  readonly safe: Corner;
  readonly drill: Corner;

  private constructor(cloud: Cloud) {
    this.cloud = cloud;
    this.home = cloud.corner(PRODUCTION, HOME);
    this.away = cloud.corner(PRODUCTION, AWAY);
    this.safe = cloud.corner(VAULT, HOME);
    this.drill = cloud.corner(DRILL, HOME);
  }

  static async start(options: Parameters<typeof openCloud>[0] = {}): Promise<Trouble> {
    return new Trouble(await openCloud(options));
  }

  async fault(rule: object): Promise<void> {
    expect(await this.cloud.admin('POST', '/faults', rule)).toMatchObject({ status: 200 });
  }

  async clear(): Promise<void> {
    await fetch(`${this.cloud.aws.adminEndpoint}/faults`, { method: 'DELETE' });
  }

  /** A quota of RDS, everywhere; -1 brings AWS's own back. */
  async quota(name: string, value: number): Promise<void> {
    expect(await this.cloud.admin('POST', '/quotas', { name, value })).toMatchObject({ status: 200 });
  }

  /** Clients that try again, as the SDK does unless it is told not to. */
  patient = (account = PRODUCTION, region = HOME): Corner =>
    cornerOf(this.cloud.aws.endpoint, this.cloud.aws.accounts, account, region, 3);

  admin(account = PRODUCTION): Keys {
    const keys = this.cloud.aws.accounts[account];
    if (!keys) throw new Error(`There is no account ${account}.`);
    return keys;
  }

  config = (credentials: Keys = this.admin(), maxAttempts = 1, region = HOME) => ({
    ...{ endpoint: this.cloud.aws.endpoint, region, credentials, maxAttempts },
  });
  s3 = (credentials?: Keys, region?: string) => new S3(this.config(credentials, 1, region));
  sts = (credentials?: Keys) => new STS(this.config(credentials));
  sns = () => new SNS(this.config());
  cornerWith = (account: string, keys: Keys) =>
    cornerOf(this.cloud.aws.endpoint, { [account]: keys }, account, HOME);

  /** A role of the production account that anybody in it may assume, and a session of it. */
  async session(name: string, ...statements: object[]): Promise<Keys> {
    const { iam } = this.home;
    const document = (...all: object[]) => JSON.stringify({ Version: '2012-10-17', Statement: all });
    const trust = { Effect: 'Allow', Principal: { AWS: PRODUCTION }, Action: 'sts:AssumeRole' };
    const { Role } = await iam.createRole({ RoleName: name, AssumeRolePolicyDocument: document(trust) });
    if (statements.length > 0)
      await iam.putRolePolicy({ RoleName: name, PolicyName: 'p', PolicyDocument: document(...statements) });
    return this.assume(Role?.Arn ?? '');
  }

  async assume(RoleArn: string, from?: Keys): Promise<Keys> {
    const { Credentials: got } = await this.sts(from).assumeRole({ RoleArn, RoleSessionName: 'test' });
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = got ?? {};
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  }

  end = () => this.cloud.end();
}

/** What a client sees of a refusal: the class of the SDK, and the words. */
export const refusal = (name: string, words: RegExp = /./) =>
  ({ name, message: expect.stringMatching(words) as unknown }) as const;

/** A member that matches. */
export const says = (words: RegExp) => expect.stringMatching(words) as unknown;
