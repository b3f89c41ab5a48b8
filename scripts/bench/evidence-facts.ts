import type {
  DrillFact,
  Fact,
  FingerprintRef,
  NightFact,
  ProtectionFact,
  RecoveryPointFacts,
} from '../../domain/facts.ts';
import { CHECK_IDS } from '../../domain/verdict.ts';
import type { CheckResult } from '../../domain/verdict.ts';

/** Statements as large as those of real nights: three copies, two fingerprints, all checks, a fence, a teardown. */

const DAY_MS = 86_400_000;
const POLICY = { policy: 'bench', policySha256: 'ab'.repeat(32) };
const PLACES = [
  { accountId: '111111111111', region: 'eu-central-1', vault: 'lifeboat-local' },
  { accountId: '111111111111', region: 'us-east-1', vault: 'lifeboat-relay' },
  { accountId: '222222222222', region: 'us-east-1', vault: 'lifeboat' },
] as const;

export const instant = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
const arnOf = (name: string): string => `arn:aws:rds:eu-central-1:111111111111:db:${name}`;

export function factsOf(name: string, slot: string): Fact[] {
  const resource = { name, kind: 'rds-instance', arn: arnOf(name), immutableId: `db-${name.toUpperCase()}` };
  const points = PLACES.map((place, hop) => pointOf(name, slot, place, hop));
  const protection: ProtectionFact = {
    ...POLICY,
    type: 'protection',
    slot,
    resource,
    trigger: 'night',
    endpoint: { host: `${name}.cluster.eu-central-1.rds.amazonaws.com`, port: 5432 },
    engineVersion: '18.4',
    outcome: 'protected',
    fingerprints: [fingerprintOf(name, slot, 'before'), fingerprintOf(name, slot, 'after')],
    points,
    timings: timingsOf(slot, 8),
  };
  const drill: DrillFact = {
    ...POLICY,
    type: 'drill',
    slot,
    resource,
    trigger: 'night',
    selection: { rule: 'named in the request', candidates: 90 },
    point: points.at(-1) ?? null,
    restoredArn: `arn:aws:rds:us-east-1:333333333333:db:lb-drill-${name}`,
    verdict: 'passed',
    reasons: [],
    checks: CHECK_IDS.slice(0, 6).map((check) => checkOf(check, slot)),
    fence: {
      attempts: ['production', 'outside'].map((target) => ({
        target: `${target} ${name} at 10.0.0.1:5432`,
        reached: false,
        how: 'no TCP connection to 10.0.0.1:5432 from 10.20.9.9 (ETIMEDOUT)',
      })),
      settings: { publiclyAccessible: false, storageEncrypted: true, vpc: 'vpc-025d7b2815c6a86fb' },
    },
    teardown: {
      complete: true,
      removed: Array.from({ length: 5 }, (_, n) => ({
        what: `arn:aws:rds:us-east-1:333333333333:db:lb-drill-${name}-${n}`,
        absent: true,
        seen: 'DBInstanceNotFoundFault',
      })),
    },
    objectives: { rtoSeconds: 14_400, rpoSeconds: 86_400 },
    rto: { available: 900, firstQuery: 930, verified: 1800 },
    rpoSeconds: 1,
    timings: timingsOf(slot, 9),
  };
  return [protection, drill];
}

function pointOf(
  name: string,
  slot: string,
  location: (typeof PLACES)[number],
  hop: number,
): RecoveryPointFacts {
  const made = Date.parse(slot) + 60_000;
  return {
    arn: `arn:aws:rds:${location.region}:${location.accountId}:snapshot:awsbackup:copyjob-${slot.slice(0, 10)}-${name}-${hop}-4e9f-a51d`,
    location,
    status: 'COMPLETED',
    createdAt: instant(made),
    deleteAt: instant(made + (hop === 1 ? 2 : 90) * DAY_MS),
    encryptionKeyArn: `arn:aws:kms:${location.region}:${location.accountId}:key/75060d41-06f5-4277-af77-4e392f334780`,
    sizeBytes: 5_000_000_000,
    lock:
      hop === 1
        ? { state: 'none' }
        : { state: 'immutable', since: '2025-11-26T21:41:47Z', minDays: 1, maxDays: 400 },
  };
}

function fingerprintOf(name: string, slot: string, pass: string): FingerprintRef {
  return {
    bucket: 'lifeboat-ledger-222222222222',
    key: `fingerprints/${slot.slice(0, 10)}/${name}/db-ABCDEFGHIJKLMNOP/${slot}/${pass}`,
    versionId: 'c9XZ9jtR4GBzRLYRta5DjIOJm1COB7y',
    sha256: 'cd'.repeat(32),
    bytes: 70_000,
    takenAt: slot,
    tables: 210,
    rows: 310_448,
    blocks: 3462,
  };
}

function checkOf(check: CheckResult['check'], slot: string): CheckResult {
  return {
    check,
    question: 'Are these the rows that were at the source when the backup was made?',
    status: 'passed',
    examined: [{ unit: 'rows', examined: 310_448, total: 310_448 }],
    findings: [],
    findingsOmitted: 0,
    notTested: ['pages that are all zeroes, which PostgreSQL takes for new ones'],
    measured: { quietBlocks: 3462, movedBlocks: 12, transactions: 9591 },
    startedAt: slot,
    durationMs: 2200,
  };
}

const timingsOf = (slot: string, steps: number): ProtectionFact['timings'] =>
  Array.from({ length: steps }, (_, n) => ({
    step: `step number ${n}`,
    startedAt: instant(Date.parse(slot) + n * 60_000),
    seconds: 59.9,
  }));

export function nightOf(slot: string, resources: number): NightFact {
  const population = Array.from({ length: resources }, (_, r) => ({
    resource: `db-${r}`,
    arn: arnOf(`db-${r}`),
    slot,
    end: 'passed' as const,
    reason: '',
  }));
  return { ...POLICY, type: 'night', slot, population, verdict: 'passed' };
}
