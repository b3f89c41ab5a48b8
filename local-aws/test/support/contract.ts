import { Backup } from '@aws-sdk/client-backup';
import { IAM } from '@aws-sdk/client-iam';
import { KMS } from '@aws-sdk/client-kms';
import { RDS } from '@aws-sdk/client-rds';
import { S3 } from '@aws-sdk/client-s3';
import { SNS } from '@aws-sdk/client-sns';
import { STS } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { contractTarget } from './contract-target.ts';
import { type Cloud, HOME, openCloud, PRODUCTION } from './database-cloud.ts';
import { eventually } from './eventually.ts';
import type { Credentials } from './local-aws.ts';

/** Whether a test may run in an account that somebody owns, and what that costs. */
export type Safety =
  | { readonly safeOnRealAws: true; readonly cost: string }
  | { readonly safeOnRealAws: false; readonly why: string };

/** Tests that create and delete things which AWS does not charge for. */
export const FREE: Safety = { safeOnRealAws: true, cost: 'nothing' };

interface ClientConfig {
  readonly region: string;
  readonly endpoint?: string;
  readonly credentials?: Credentials;
  readonly maxAttempts?: number;
}

class Clients {
  readonly s3: S3;
  readonly sts: STS;
  readonly iam: IAM;
  readonly kms: KMS;
  readonly sns: SNS;
  readonly backup: Backup;
  readonly rds: RDS;

  constructor(config: ClientConfig) {
    this.s3 = new S3(config);
    this.sts = new STS(config);
    this.iam = new IAM(config);
    this.kms = new KMS(config);
    this.sns = new SNS(config);
    this.backup = new Backup(config);
    this.rds = new RDS(config);
  }
}

interface Undo {
  readonly what: string;
  readonly step: () => Promise<unknown>;
}

/** One AWS, seen by one test. */
export class Contract extends Clients {
  readonly accountId: string;
  readonly region: string;
  readonly #config: ClientConfig;
  readonly #prefix: string;
  readonly #isReal: boolean;
  readonly #undo: Undo[] = [];

  constructor(opened: Opened) {
    super(opened.config);
    this.#config = opened.config;
    this.region = opened.config.region;
    this.accountId = opened.accountId;
    this.#prefix = opened.prefix;
    this.#isReal = opened.isReal;
  }

  /** The same AWS in somebody else's name. */
  as(credentials: Credentials): Clients {
    return new Clients({ ...this.#config, credentials });
  }

  /** A name that nothing else has, here or in another run. */
  name(word: string): string {
    return `${this.#prefix}-${word}-${randomBytes(4).toString('hex')}`;
  }

  /** Registered before what it takes back; newest first after the test, whatever became of it. */
  undo(what: string, step: () => Promise<unknown>): void {
    this.#undo.unshift({ what, step });
  }

  /** Asks until the answer is not `undefined`: AWS takes a while to make some things known. */
  async until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    return this.#isReal ? eventually(what, ask, 20 * 60_000, 2000) : eventually(what, ask);
  }

  /** @returns what could not be taken back. */
  async cleanUp(): Promise<Error[]> {
    const left: Error[] = [];
    for (const { what, step } of this.#undo.splice(0)) {
      try {
        await step();
      } catch (err) {
        left.push(new Error(`${what} is left behind: ${String(err)}`, { cause: err }));
      }
    }
    return left;
  }
}

interface Opened {
  readonly config: ClientConfig;
  readonly accountId: string;
  readonly prefix: string;
  readonly isReal: boolean;
  readonly cloud?: Cloud;
}

const target = contractTarget(process.env);
let opened: Opened | undefined;

/** Once per file of contract tests. Locally it starts the one server that all of them use. */
export function openContract(): void {
  if (target.kind === 'real') jest.setTimeout(45 * 60_000);
  beforeAll(async () => {
    opened = target.kind === 'real' ? await openReal(target) : await openLocal();
  });
  afterAll(async () => {
    await opened?.cloud?.end();
  });
}

async function openLocal(): Promise<Opened> {
  const cloud = await openCloud();
  const { [PRODUCTION]: credentials } = cloud.aws.accounts;
  if (!credentials) throw new Error(`There is no account ${PRODUCTION}.`);
  // One attempt only: the SDK's retries would hide failures.
  const config = { endpoint: cloud.aws.endpoint, region: HOME, credentials, maxAttempts: 1 };
  return { config, accountId: PRODUCTION, prefix: 'lifeboat-contract', isReal: false, cloud };
}

/** With the credentials that the SDK finds by itself. */
async function openReal(real: Extract<typeof target, { kind: 'real' }>): Promise<Opened> {
  const config = { region: real.region };
  const { Account } = await new STS(config).getCallerIdentity({});
  if (Account !== real.accountId)
    throw new Error(
      `The credentials are of account ${Account ?? '?'}, not of LIFEBOAT_CONTRACT_ACCOUNT ${real.accountId}. Nothing was made.`,
    );
  return { config, accountId: real.accountId, prefix: real.prefix, isReal: true };
}

/**
 * A sentence that is true of the local AWS and of AWS itself. On real AWS only tests that are safe there run, the others are
 * skipped with their reason.
 */
export function contractTest(title: string, safety: Safety, body: (aws: Contract) => Promise<void>): void {
  if (target.kind === 'real' && !safety.safeOnRealAws) {
    test.skip(`${title} (not on real AWS: ${safety.why})`, () => undefined);
    return;
  }
  test(title, async () => {
    if (!opened) throw new Error('openContract() was not called.');
    const aws = new Contract(opened);
    const failures: unknown[] = [];
    await body(aws).catch((err: unknown) => failures.push(err));
    failures.push(...(await aws.cleanUp()));
    if (failures.length === 1) throw failures[0] as Error;
    if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('\n'));
  });
}
