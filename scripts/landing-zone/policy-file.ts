import { readFile, rename, writeFile } from 'node:fs/promises';
import { formatProblems, parsePolicy } from '../../domain/policy/parse.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import type { Keys } from './keys.ts';
import type { Network } from './networks.ts';
import {
  ACCOUNTS,
  DATABASE_NAME,
  LEDGER_BUCKET,
  LEDGER_KEEP_DAYS,
  POLICY_NAME,
  PRODUCTION_REGION,
} from './plan.ts';
import { RECOVERY_REGION, RESOURCE_NAME, RETENTION_DAYS, SUBNET_GROUPS } from './plan.ts';
import { roleArn } from './roles.ts';

/** Editors complete and check the file by it. */
const SCHEMA = new URL('../../docs/lifeboat.schema.json', import.meta.url).href;

export interface PolicyFacts {
  readonly keys: Keys;
  readonly drill: Network;
  readonly readerSecretArn: string;
}

/**
 * Writes `lifeboat.yaml` for the accounts on this computer. A file that is there and valid is kept, so that people can change it;
 * one that is not valid is an error, never overwritten.
 */
export async function ensurePolicyFile(file: string, facts: PolicyFacts): Promise<Policy> {
  const known = await readFile(file, 'utf8').catch((err: unknown) => {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw err;
  });
  const text = known ?? policyText(facts);
  const parsed = parsePolicy(text, file);
  if (!parsed.ok) {
    throw new Error(
      `${formatProblems(parsed.problems)}\nCorrect the file, or remove it: it is then written anew.`,
    );
  }
  if (known === null) {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  }
  return parsed.policy;
}

function policyText({ keys, drill, readerSecretArn }: PolicyFacts): string {
  const account = (name: keyof typeof ACCOUNTS): string =>
    `{ id: '${ACCOUNTS[name]}', role: ${roleArn(name, 'lifeboat-control')}, externalId: lifeboat-${name} }`;
  return `# yaml-language-server: $schema=${SCHEMA}
# The policy for the accounts on this computer. Written once; change it as you like, then run: npx lifeboat apply
version: 1
name: ${POLICY_NAME}
schedule:
  cron: '30 2 * * *'
  timezone: UTC
retention:
  days: ${RETENTION_DAYS}
objectives:
  rto: 4h
  rpo: 24h
accounts:
  production: ${account('production')}
  vault: ${account('vault')}
  drill: ${account('drill')}
backup:
  account: production
  region: ${PRODUCTION_REGION}
  name: lifeboat-local
  serviceRole: ${roleArn('production', 'lifeboat-backup-service')}
  lock: compliance
copies:
  - account: production
    region: ${RECOVERY_REGION}
    name: lifeboat-relay
    serviceRole: ${roleArn('production', 'lifeboat-backup-service')}
    lock: none
    keep: 2d
  - account: vault
    region: ${RECOVERY_REGION}
    name: lifeboat
    serviceRole: ${roleArn('vault', 'lifeboat-backup-service')}
    lock: compliance
drill:
  region: ${RECOVERY_REGION}
  transitVault: lifeboat-transit
  restoreRole: ${roleArn('drill', 'lifeboat-backup-service')}
  instanceClass: db.t4g.medium
  subnetGroup: ${SUBNET_GROUPS.drill}
  securityGroups: [${drill.securityGroupId}]
ledger:
  region: ${RECOVERY_REGION}
  bucket: ${LEDGER_BUCKET}
  signingKey: ${keys.SIGNING_KEY}
  keep: ${LEDGER_KEEP_DAYS}d
resources:
  - name: ${RESOURCE_NAME}
    kind: rds-instance
    arn: arn:aws:rds:${PRODUCTION_REGION}:${ACCOUNTS.production}:db:${RESOURCE_NAME}
    credentials: ${readerSecretArn}
    freshness:
      - database: ${DATABASE_NAME}
        table: public.heartbeat
        column: beat_at
        maxAge: 15m
`;
}
