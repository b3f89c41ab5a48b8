import { ApplicationFailure } from '@temporalio/common';
import type { ControlActivities, InsideNetwork } from '../../activities/index.ts';
import type { Fact, FingerprintRef, RecoveryPointFacts } from '../../domain/facts.ts';
import type { FailureType } from '../../domain/failure-types.ts';
import type { NetworkFacts } from '../../domain/isolation.ts';
import { policySchema, type Policy } from '../../domain/policy/schema.ts';
import { locationOf, type Vault } from '../../domain/route.ts';
import type { CheckResult, Status } from '../../domain/verdict.ts';

type Activities = ControlActivities & InsideNetwork;
type ActivityName = keyof Activities;

export interface FakeSite {
  /** Names of the activities in the order in which they were called. */
  readonly calls: ActivityName[];
  readonly statements: Fact[];
  readonly seals: unknown[];
  readonly activities: Activities;
}

export interface SiteOptions {
  /** Activities that are refused, with the type of the failure. */
  readonly refuse?: Partial<Record<ActivityName, FailureType>>;
  /** Activities that are refused on their first call only. */
  readonly refuseOnce?: Partial<Record<ActivityName, FailureType>>;
  readonly checks?: Status;
  readonly reached?: boolean;
  /** The checks do not see what was done to a copy on purpose. */
  readonly blind?: boolean;
  readonly withoutProtection?: boolean;
  /** Runs instead of an activity. */
  readonly instead?: Partial<{ [Name in ActivityName]: (...args: never[]) => unknown }>;
  readonly orphans?: Awaited<ReturnType<ControlActivities['findOrphans']>>;
}

const AT = '2026-11-21T02:30:00.000Z';
const CONTROL_ROLE = 'arn:aws:sts::333333333333:assumed-role/lifeboat-control/lifeboat';
const PROBER_ROLE = 'arn:aws:sts::333333333333:assumed-role/lifeboat-prober/lifeboat';

/** A VPC without a way out. */
export function closedNetwork(): NetworkFacts {
  return {
    vpcId: 'vpc-1',
    cidrs: ['10.20.0.0/16'],
    subnets: [{ id: 'subnet-1', cidr: '10.20.1.0/24' }],
    routes: [{ routeTable: 'rtb-1', destination: '10.20.0.0/16', target: 'local', state: 'active' }],
    admits: [{ securityGroup: 'sg-1', ports: 'tcp 5432', from: '10.20.0.0/16' }],
    peerings: [],
    gateways: [],
    endpoints: [],
  };
}

/** Everything that workflows ask of the world, without a world: a site on which every step works unless told otherwise. */
export function fakeSite(options: SiteOptions = {}): FakeSite {
  const calls: ActivityName[] = [];
  const statements: Fact[] = [];
  const seals: unknown[] = [];
  const refusedOnce = new Set<string>();
  let spoilt = false;

  const answers: Activities = {
    discover: async ({ policy }) => policy.exclude.map(({ arn }) => ({ arn, immutableId: 'db-X' })),
    preflight: async () => [],
    describeSource: async ({ resource }) => ({
      identity: identityOf(resource),
      endpoint: { host: '127.10.1.5', port: 5432 },
      engineVersion: '18.4',
      status: 'available',
    }),
    startBackup: async ({ resource, attempt }) => `job-${resource}-${attempt}`,
    waitForBackup: async () => 'arn:point:0',
    startCopy: async ({ to }) => `copy-to-${to.name}`,
    waitForCopy: async ({ to }) => `arn:point:${to.name}`,
    readBackPoint: async ({ policy, vault, pointArn }) => pointIn(policy, vault, pointArn),
    choosePoint: async ({ pointArn }) => ({
      pointArn: pointArn ?? 'arn:point:newest',
      rule: 'the newest',
      candidates: 1,
    }),
    startRestore: async () => 'restore-job',
    waitForRestore: async ({ name }) => `arn:restored:${name}`,
    waitUntilAvailable: async () => ({ host: '127.20.1.5', port: 5433 }),
    resetAccess: async () => undefined,
    waitForAccess: async () => 'arn:secret:drill',
    readSettings: async () => ({
      facts: { publiclyAccessible: false },
      problems: [],
      placement: { vpcId: 'vpc-1', subnetIds: ['subnet-1'], securityGroupIds: ['sg-1'] },
      size: { instanceClass: 'db.t4g.medium', instances: 1, allocatedGiB: 20 },
    }),
    readNetwork: async () => ({ network: closedNetwork(), caller: CONTROL_ROLE }),
    takeInventory: async () => ({ things: [], unread: [] }),
    compareInventories: async () => ({ after: { things: [], unread: [] }, leftovers: [] }),
    readBootFacts: async () => ({ engineVersion: '18.4', logRead: true, logLines: 10, logFindings: [] }),
    extendExpiry: async () => undefined,
    settleRestore: async () => undefined,
    deleteCopy: async () => undefined,
    waitUntilCopyGone: async ({ name }) => [{ what: name, absent: true, seen: 'not found' }],
    settleTransitCopy: async () => 'arn:point:transit',
    deleteTransitPoint: async () => undefined,
    waitUntilTransitPointGone: async ({ pointArn }) => [{ what: pointArn, absent: true, seen: 'not found' }],
    inspectVault: async ({ policy, vault }) => ({
      location: locationOf(policy, vault),
      live: 3,
      provenGone: [],
      lingering: [],
      held: [],
      withoutExpiry: [],
    }),
    findOrphans: async () => options.orphans ?? { remove: [], refused: [] },
    recordStatement: async ({ scope, name, fact }) => {
      statements.push(fact);
      return { key: `statements/${scope}/${name}.json`, versionId: 'v1', sha256: 'ab', type: fact.type };
    },
    sealNight: async ({ night }) => {
      seals.push(night);
      return { key: 'seals/1', sequence: seals.length, sha256: 'cd', statements: statements.length };
    },
    recordDecision: async ({ decision: { kind } }) => ({
      key: `statements/${kind}.json`,
      versionId: 'v1',
      sha256: 'ab',
      type: kind,
    }),
    readRetries: async () => [],
    policyOnRecord: async () => true,
    openAlert: async () => null,
    placeHold: async ({ pointArn }) => ({ holdArn: 'arn:hold', resource: 'orders', points: [pointArn] }),
    seeHoldReleased: async () => ({
      ...{ holdArn: 'arn:hold', resource: 'orders', points: ['arn:point:0'] },
      ...{ at: AT, said: '' },
    }),
    awsNow: async () => AT,
    findProtection: async ({ resource }) =>
      options.withoutProtection === true
        ? null
        : {
            identity: identityOf(resource),
            endpoint: { host: '127.10.1.5', port: 5432 },
            fingerprints: { before: fingerprint('before'), after: fingerprint('after') },
          },
    promisedPoints: async () => [],
    findLastVerified: async () => null,
    takeFingerprint: async ({ pass }) => fingerprint(pass),
    firstQuery: async () => ({ at: AT, serverVersion: '18.4' }),
    runCheck: async ({ check }) =>
      result(
        check,
        spoilt && check === 'content' && options.blind !== true ? 'failed' : (options.checks ?? 'passed'),
      ),
    spoilCopy: async () => {
      spoilt = true;
      return 'one row deleted in shop.public.city block 7';
    },
    tryRoles: async ({ roles }) => ({
      caller: PROBER_ROLE,
      attempts: roles.map(({ role }) => ({ role, refused: true, how: 'AccessDenied' })),
    }),
    probeFence: async ({ targets }) =>
      targets.map(({ name }) => ({ target: name, reached: options.reached ?? false, how: 'refused' })),
  };

  const activities = Object.fromEntries(
    Object.entries(answers).map(([name, answer]) => [
      name,
      async (...args: never[]) => {
        const key = name as ActivityName;
        calls.push(key);
        const once = options.refuseOnce?.[key];
        if (once !== undefined && !refusedOnce.has(name)) {
          refusedOnce.add(name);
          throw refused(once, name);
        }
        const type = options.refuse?.[key];
        if (type !== undefined) throw refused(type, name);
        const instead = options.instead?.[key] as ((...given: never[]) => unknown) | undefined;
        return (instead ?? answer)(...args);
      },
    ]),
  ) as unknown as Activities;
  return { calls, statements, seals, activities };
}

/** A policy with `count` resources; valid, because it passes the schema. */
export function somePolicy(count = 1): Policy {
  const names = Array.from({ length: count }, (_, index) => (count === 1 ? 'orders' : `orders-${index}`));
  const role = (account: string, name: string) => `arn:aws:iam::${account}:role/${name}`;
  const [production, vault, drill] = ['111111111111', '222222222222', '333333333333'];
  return policySchema.parse({
    version: 1,
    name: 'night',
    schedule: { cron: '30 2 * * *' },
    retention: { days: 90 },
    objectives: { rto: '4h', rpo: '24h' },
    accounts: {
      production: { id: production, role: role(production, 'lifeboat') },
      vault: { id: vault, role: role(vault, 'lifeboat') },
      drill: { id: drill, role: role(drill, 'lifeboat') },
    },
    backup: {
      account: 'production',
      region: 'eu-central-1',
      name: 'lifeboat-local',
      serviceRole: role(production, 'b'),
      lock: 'compliance',
    },
    copies: [
      {
        account: 'production',
        region: 'us-east-1',
        name: 'lifeboat-relay',
        serviceRole: role(production, 'b'),
        lock: 'none',
        keep: '3d',
      },
      {
        account: 'vault',
        region: 'us-east-1',
        name: 'lifeboat',
        serviceRole: role(vault, 'b'),
        lock: 'compliance',
      },
    ],
    drill: {
      region: 'us-east-1',
      transitVault: 'lifeboat-transit',
      restoreRole: role(drill, 'r'),
      instanceClass: 'db.t4g.medium',
      subnetGroup: 'drill',
      securityGroups: ['sg-0123456789abcdef0'],
    },
    ledger: {
      region: 'us-east-1',
      bucket: 'lifeboat-ledger',
      signingKey: `arn:aws:kms:us-east-1:${vault}:key/1`,
    },
    resources: names.map((name) => ({
      name,
      kind: 'rds-instance',
      arn: `arn:aws:rds:eu-central-1:${production}:db:${name}`,
      credentials: `arn:aws:secretsmanager:eu-central-1:${production}:secret:${name}`,
    })),
  });
}

export function fingerprint(pass: string): FingerprintRef {
  return {
    bucket: 'b',
    key: `fingerprints/${pass}`,
    versionId: 'v',
    sha256: pass,
    bytes: 1,
    takenAt: AT,
    tables: 3,
    rows: 1000,
    blocks: 10,
  };
}

function identityOf(resource: string) {
  return {
    name: resource,
    kind: 'rds-instance',
    arn: `arn:aws:rds:eu-central-1:111111111111:db:${resource}`,
    immutableId: 'db-ABC',
  };
}

function pointIn(policy: Policy, vault: Vault, arn: string): RecoveryPointFacts {
  return {
    arn,
    location: locationOf(policy, vault),
    status: 'COMPLETED',
    createdAt: AT,
    deleteAt: new Date(Date.parse(AT) + vault.keepDays * 86_400_000).toISOString(),
    encryptionKeyArn: 'arn:aws:kms:key',
    sizeBytes: 1000,
    lock:
      vault.lock === 'compliance'
        ? { state: 'immutable', since: '2026-01-01T00:00:00.000Z', minDays: 1, maxDays: 400 }
        : { state: 'none' },
  };
}

export const passed = (check: CheckResult['check']): CheckResult => result(check, 'passed');

function result(check: CheckResult['check'], status: Status): CheckResult {
  const severity = status === 'failed' ? ('failure' as const) : ('doubt' as const);
  return {
    check,
    question: `the ${check} question`,
    status,
    examined: [{ unit: 'rows', examined: 10, total: 10 }],
    findings: status === 'passed' ? [] : [{ severity, code: 'seen', message: `${check} saw something` }],
    findingsOmitted: 0,
    notTested: [],
    measured: {},
    startedAt: AT,
    durationMs: 5,
  };
}

function refused(type: FailureType, name: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`${name} was refused`, type);
}
