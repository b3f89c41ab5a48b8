import { z } from 'zod';
import { CHECK_IDS } from '../verdict.ts';
import { DURATION_PATTERN } from '../units.ts';

/**
 * The shape of `lifeboat.yaml`. A validated policy stays plain JSON: it travels whole in workflow inputs and its canonical form is
 * what statements refer to. It never holds a secret, only the ARN of one.
 */
const duration = z
  .string()
  .regex(DURATION_PATTERN, 'a whole number and one of s, m, h, d, for example 15m, 4h or 90d')
  .describe('A length of time: 90s, 15m, 4h, 90d.');
const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/,
    '2 to 32 lower-case letters, digits or hyphens, starting with a letter',
  );
const accountId = z.string().regex(/^\d{12}$/, 'the 12 digits of an AWS account, in quotes');
const region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'an AWS region such as eu-central-1');
const arn = (service: string): z.ZodString =>
  z.string().regex(new RegExp(`^arn:aws[a-z-]*:${service}:`), `an ARN that starts with arn:aws:${service}:`);
const vaultName = z
  .string()
  .regex(/^[a-zA-Z0-9\-_]{2,50}$/, '2 to 50 letters, digits, hyphens or underscores');

export const ACCOUNT_NAMES = ['production', 'vault', 'drill'] as const;

const account = z.strictObject({
  id: accountId,
  role: arn('iam').describe('The role that the control plane assumes in this account.'),
  externalId: z
    .string()
    .min(2)
    .max(1224)
    .optional()
    .describe('sts:ExternalId that the trust policy of the role demands.'),
});

const vault = z.strictObject({
  account: z.enum(ACCOUNT_NAMES),
  region,
  name: vaultName,
  serviceRole: arn('iam').describe('The role that AWS Backup itself uses for jobs that start in this vault.'),
  lock: z
    .enum(['compliance', 'none'])
    .describe(
      'What the vault lock must be. It is read back on every run; a vault that is not locked as written fails preflight.',
    ),
  keep: duration
    .optional()
    .describe('Retention of points in this vault, when it is not that of the policy (relay vaults).'),
});

const freshness = z.strictObject({
  database: z
    .string()
    .min(1)
    .optional()
    .describe('The database the table is in, when the instance has several.'),
  table: z.string().regex(/^[^.]+\.[^.]+$/, 'schema.table, for example public.heartbeat'),
  column: z.string().min(1),
  maxAge: duration.describe('How old the newest value may be at the instant of the backup.'),
});

const resource = z.strictObject({
  name,
  kind: z
    .enum(['rds-instance'])
    .describe('What is protected. Other kinds are refused until they are implemented.'),
  arn: arn('rds'),
  credentials: arn('secretsmanager').describe(
    'Secret with JSON {"username","password"} of a role that may read every table.',
  ),
  freshness: z.array(freshness).default([]).describe('Columns that show how recent the data really is.'),
  checks: z
    .array(z.enum(CHECK_IDS))
    .min(1)
    .default([...CHECK_IDS]),
});

export const policySchema = z.strictObject({
  version: z.literal(1),
  name: name.describe('Name of the policy; part of workflow ids and of every statement.'),
  schedule: z.strictObject({
    cron: z.string().min(9).describe('When the night starts, as a cron expression of five fields.'),
    timezone: z.string().min(1).default('UTC').describe('IANA time zone of the cron expression.'),
    catchUpWindow: duration.default('6h').describe('How late a missed start may still be made up.'),
    sweepEvery: duration.default('1h').describe('How often left-over drill resources are looked for.'),
  }),
  retention: z.strictObject({
    days: z
      .int()
      .min(1)
      .max(36_500)
      .describe('Days that each recovery point is kept, and after which it must be gone.'),
    lingerGrace: duration
      .default('48h')
      .describe('How long AWS may take to delete an expired point before it is reported.'),
  }),
  objectives: z.strictObject({
    rto: duration.describe('From the start of a restore until its data is verified.'),
    rpo: duration.describe('Age of the newest data in the backup at the instant of the backup.'),
  }),
  accounts: z.strictObject({ production: account, vault: account, drill: account }),
  backup: vault.describe('The vault in which the nightly backup is made, beside the resource.'),
  copies: z
    .array(vault)
    .min(1)
    .max(4)
    .describe('The hops of the copy, in order. Drills and restores start from the last one.'),
  drill: z.strictObject({
    region,
    transitVault: vaultName.describe(
      'Unlocked vault in the drill account that holds a point only while it is restored.',
    ),
    restoreRole: arn('iam').describe('The role that AWS Backup uses to restore in the drill account.'),
    instanceClass: z.string().regex(/^db\./, 'an instance class such as db.t4g.medium'),
    subnetGroup: z.string().min(1),
    securityGroups: z
      .array(z.string().regex(/^sg-/, 'a security group id such as sg-0123456789abcdef0'))
      .min(1),
    expiresAfter: duration.default('12h').describe('When the sweeper removes what a drill left behind.'),
  }),
  probers: z
    .strictObject({ production: z.string().min(1), drill: z.string().min(1) })
    .default({ production: 'lifeboat-prober-production', drill: 'lifeboat-prober-drill' })
    .describe('Task queues of the probers, one inside each network.'),
  ledger: z.strictObject({
    region,
    bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of an S3 bucket'),
    signingKey: arn('kms').describe('Asymmetric KMS key (ECC_NIST_P256, SIGN_VERIFY) in the vault account.'),
    keep: duration.default('400d').describe('COMPLIANCE retention of statements and seals.'),
  }),
  resources: z.array(resource).min(1),
  exclude: z
    .array(z.strictObject({ arn: arn('rds'), reason: z.string().min(3) }))
    .default([])
    .describe(
      'Databases of the production account that are deliberately not protected, each with the reason.',
    ),
});

export type Policy = z.output<typeof policySchema>;
export type AccountName = (typeof ACCOUNT_NAMES)[number];
export type VaultLocation = Policy['backup'];
export type ProtectedResource = Policy['resources'][number];
export type ResourceKind = ProtectedResource['kind'];
export type FreshnessRule = ProtectedResource['freshness'][number];
