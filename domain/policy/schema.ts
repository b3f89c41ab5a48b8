import { z } from 'zod';
import { promise } from './promise-schema.ts';
import { applicationCheck, assertion, load } from './verification-schema.ts';
import { BUCKET_CHECK_IDS, CHECK_IDS, STANDARD_CHECKS } from '../verdict.ts';
import { DURATION_PATTERN } from '../units.ts';

/**
 * The shape of `lifeboat.yaml`. A validated policy stays plain JSON: it travels whole in workflow inputs and its canonical form is
 * what statements refer to. It never holds a secret, only the ARN of one.
 */
/** A text of one form. `allowed` completes the sentence "… is allowed", whether the form or the type is wrong. */
const text = (form: RegExp, allowed: string): z.ZodString => z.string(allowed).regex(form, allowed);
const anyText = z.string('a text').min(1, 'a text that is not empty');
const wholeNumber = (min: number, max: number): z.ZodNumber => {
  const allowed = `a whole number from ${min} to ${max}`;
  return z.int(allowed).min(min, allowed).max(max, allowed);
};
const duration = text(
  DURATION_PATTERN,
  'a whole number and one of s, m, h, d, for example 15m, 4h or 90d,',
).describe('A length of time: 90s, 15m, 4h, 90d.');
const name = text(
  /^(?=.{2,32}$)[a-z](?:-?[a-z0-9])+$/,
  'a name of 2 to 32 lower-case letters, digits and single hyphens, starting with a letter,',
);
const accountId = text(/^\d{12}$/, 'the 12 digits of an AWS account, in quotes,');
const region = text(/^[a-z]{2}(-[a-z]+)+-\d$/, 'an AWS region such as eu-central-1');
const arn = (service: string): z.ZodString =>
  text(new RegExp(`^arn:aws[a-z-]*:${service}:`), `an ARN that starts with arn:aws:${service}:`);
const protectable = text(
  /^arn:aws[a-z-]*:(rds:|s3:::)/,
  'an ARN that starts with arn:aws:rds: or arn:aws:s3:::',
);
const person = text(/^[\w.@+-]{2,100}$/, 'a person as in --as: 2 to 100 letters, digits and . _ @ + -');
const vaultName = text(/^[a-zA-Z0-9\-_]{2,50}$/, '2 to 50 letters, digits, hyphens or underscores');

export const ACCOUNT_NAMES = ['production', 'vault', 'drill'] as const;

const account = z.strictObject({
  id: accountId,
  role: arn('iam').describe('The role that the control plane assumes in this account.'),
  externalId: text(/^[\w+=,.@:/-]{2,1224}$/, '2 to 1224 letters, digits and + = , . @ : / -')
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
  database: anyText.optional().describe('The database the table is in, when the instance has several.'),
  table: text(/^[^.]+\.[^.]+$/, 'schema.table, for example public.heartbeat,'),
  column: anyText,
  maxAge: duration.describe('How old the newest value may be at the instant of the backup.'),
});

export const DATABASE_KINDS = ['rds-instance'] as const;
export const RESOURCE_KINDS = [...DATABASE_KINDS, 's3-bucket'] as const;

const resource = z.strictObject({
  name,
  kind: z
    .enum(RESOURCE_KINDS)
    .describe('What is protected. Other kinds are refused until they are implemented.'),
  arn: protectable,
  credentials: arn('secretsmanager')
    .optional()
    .describe(
      'Secret with JSON {"username","password"} of a role that may read every table. Databases need one; buckets are read with the role of the prober.',
    ),
  tier: anyText.optional().describe('How much it matters, in the words of your company; for reports.'),
  owner: anyText.optional().describe('Who answers for it; for reports.'),
  freshness: z.array(freshness).default([]).describe('Columns that show how recent the data really is.'),
  checks: z
    .array(z.enum(CHECK_IDS))
    .min(1, 'a list of at least one check')
    .optional()
    .describe(
      `What a drill must answer. Databases: ${STANDARD_CHECKS.join(', ')} unless said otherwise. Buckets: ${BUCKET_CHECK_IDS.join(', ')}.`,
    ),
  assertions: z
    .array(assertion)
    .optional()
    .describe('What must be true of the data, in SQL; asked of every restored copy.'),
  applicationChecks: z
    .array(applicationCheck)
    .optional()
    .describe('Applications that are asked whether they can work on the restored copy.'),
  load: load.optional().describe('How much of the strength of the source a fingerprint may take.'),
});

export const policySchema = z.strictObject({
  version: z.literal(1),
  name: name.describe('Name of the policy; part of workflow ids and of every statement.'),
  schedule: z.strictObject({
    cron: anyText.describe('When the night starts, as a cron expression of five fields.'),
    timezone: anyText.default('UTC').describe('IANA time zone of the cron expression.'),
    catchUpWindow: duration.default('6h').describe('How late a missed start may still be made up.'),
    sweepEvery: duration.default('1h').describe('How often left-over drill resources are looked for.'),
  }),
  retention: z.strictObject({
    days: wholeNumber(1, 36_500).describe(
      'Days that each recovery point is kept, and after which it must be gone.',
    ),
    lingerGrace: duration
      .default('48h')
      .describe('How long AWS may take to delete an expired point before it is reported.'),
  }),
  objectives: z.strictObject({
    rto: duration.describe('From the start of a restore until its data is verified.'),
    rpo: duration.describe('Age of the newest data in the backup at the instant of the backup.'),
    source: z
      .strictObject({
        document: anyText,
        date: text(/^\d{4}-\d{2}-\d{2}$/, 'a day such as 2026-11-21, in quotes,'),
      })
      .optional()
      .describe('The document in which these objectives were agreed, and its date; for reports.'),
  }),
  accounts: z.strictObject({ production: account, vault: account, drill: account }),
  backup: vault.describe('The vault in which the nightly backup is made, beside the resource.'),
  copies: z
    .array(vault)
    .min(1, 'a list of one to four vaults')
    .max(4, 'a list of one to four vaults')
    .describe('The hops of the copy, in order. Drills and restores start from the last one.'),
  drill: z.strictObject({
    region,
    transitVault: vaultName.describe(
      'Unlocked vault in the drill account that holds a point only while it is restored.',
    ),
    restoreRole: arn('iam').describe('The role that AWS Backup uses to restore in the drill account.'),
    instanceClass: text(/^db\.[a-z0-9.-]+$/, 'an instance class such as db.t4g.medium'),
    subnetGroup: anyText,
    securityGroups: z
      .array(text(/^sg-[0-9a-z]+$/, 'a security group id such as sg-0123456789abcdef0'))
      .min(1, 'a list of at least one security group'),
    expiresAfter: duration.default('12h').describe('When the sweeper removes what a drill left behind.'),
    freshFor: duration
      .default('7d')
      .describe('How long the verdict of a drill may be relied on; reports say until when.'),
    mustNotReach: z
      .array(text(/^[\w.:-]+:\d{1,5}$/, 'host:port'))
      .default(['1.1.1.1:443'])
      .describe(
        'Addresses that the drill network must not reach, besides the production databases: each drill tries them and fails when one answers. The default stands for the internet.',
      ),
  }),
  knownBad: z
    .enum(['nightly', 'off'], "'nightly' or 'off'")
    .default('nightly')
    .describe(
      'Each night one more copy is restored and spoilt on purpose. Unless the checks catch it, no verdict of that night counts as passed.',
    ),
  probers: z
    .strictObject({ production: z.string().min(1), drill: z.string().min(1) })
    .default({ production: 'lifeboat-prober-production', drill: 'lifeboat-prober-drill' })
    .describe('Task queues of the probers, one inside each network.'),
  ledger: z.strictObject({
    region,
    bucket: text(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of an S3 bucket'),
    signingKey: arn('kms').describe('Asymmetric KMS key (ECC_NIST_P256, SIGN_VERIFY) in the vault account.'),
    keep: duration.default('400d').describe('COMPLIANCE retention of statements and seals.'),
  }),
  resources: z.array(resource).min(1, 'a list of at least one resource'),
  exclude: z
    .array(z.strictObject({ arn: protectable, reason: text(/\S.*\S.*\S/, 'the reason in words') }))
    .default([])
    .describe(
      'Databases and buckets of the production account that are deliberately not protected, each with the reason.',
    ),
  residency: z
    .strictObject({
      regions: z
        .array(region)
        .min(1, 'a list of at least one region')
        .describe('Regions in which data may be: backups, copies and drills.'),
    })
    .optional()
    .describe(
      'Where data may be. What would put it elsewhere is refused here, and again when it is asked for.',
    ),
  restore: z
    .strictObject({
      approvals: wholeNumber(0, 5)
        .default(0)
        .describe('How many people must agree to a restore before it begins; never the one who asked.'),
      approvers: z.array(person).default([]).describe('People who may agree to a restore, or deny it.'),
      decideWithin: duration
        .default('4h')
        .describe('A restore that has not been agreed to after this time is not carried out.'),
    })
    .prefault({})
    .describe('Who must agree to restores that people ask for (`lifeboat restore approve`).'),
  reviewers: z
    .array(person)
    .default([])
    .describe('People who may sign drills off (`lifeboat evidence sign-off`); never one who ran it.'),
  waivers: z
    .strictObject({
      owners: z.array(person).default([]).describe('People who may answer for an exception.'),
      longest: duration.default('90d').describe('How long a waiver may last; each one has an expiry.'),
    })
    .prefault({})
    .describe('Who may waive, and for how long (`lifeboat waiver add`).'),
  holds: z
    .strictObject({ owners: z.array(person).default([]).describe('People who may place and release holds.') })
    .prefault({})
    .describe('Who may keep a recovery point past its date (`lifeboat hold place`).'),
  promises: z
    .array(promise)
    .default([])
    .describe(
      'Sentences that are promised to others, each with what must hold for it to be true (`lifeboat report promises`).',
    ),
});

export type Policy = z.output<typeof policySchema>;
export type AccountName = (typeof ACCOUNT_NAMES)[number];
export type VaultLocation = Policy['backup'];
export type ProtectedResource = Policy['resources'][number];
export type ResourceKind = ProtectedResource['kind'];
export type DatabaseKind = (typeof DATABASE_KINDS)[number];
export type FreshnessRule = ProtectedResource['freshness'][number];
