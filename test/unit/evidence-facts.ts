import type {
  DrillFact,
  NightFact,
  PopulationRow,
  ProtectionFact,
  ResourceIdentity,
} from '../../domain/facts.ts';
import type { Status } from '../../domain/verdict.ts';

export const POLICY = 'sample';
export const SLOT = '2026-11-21T02:30:00Z';

export function identity(name: string): ResourceIdentity {
  return {
    name,
    kind: 'rds-instance',
    arn: `arn:aws:rds:eu-central-1:111111111111:db:${name}`,
    immutableId: `db-${name.toUpperCase()}`,
  };
}

export function protectionFact(resource = 'orders', slot = SLOT): ProtectionFact {
  return {
    type: 'protection',
    policy: POLICY,
    policySha256: 'ab'.repeat(32),
    slot,
    resource: identity(resource),
    endpoint: null,
    engineVersion: '18.4',
    outcome: 'protected',
    fingerprints: [],
    points: [],
    timings: [{ step: 'backup', startedAt: slot, seconds: 12.5 }],
  };
}

export function drillFact(resource = 'orders', slot = SLOT, verdict: Status = 'passed'): DrillFact {
  return {
    type: 'drill',
    policy: POLICY,
    policySha256: 'ab'.repeat(32),
    slot,
    resource: identity(resource),
    trigger: 'night',
    selection: { rule: 'newest', candidates: 1 },
    point: null,
    restoredArn: `arn:aws:rds:us-east-1:333333333333:db:lb-drill-${resource}`,
    verdict,
    reasons: verdict === 'passed' ? [] : ['content: block 812 differs'],
    checks: [],
    fence: null,
    teardown: { complete: true, removed: [] },
    objectives: { rtoSeconds: 3600, rpoSeconds: 900 },
    rto: { available: 30, firstQuery: 31, verified: 60 },
    rpoSeconds: 3,
    timings: [],
  };
}

export function nightFact(
  resources: readonly string[] = ['orders'],
  slot = SLOT,
  end: PopulationRow['end'] = 'passed',
): NightFact {
  return {
    type: 'night',
    policy: POLICY,
    policySha256: 'ab'.repeat(32),
    slot,
    population: resources.map((resource) => ({
      resource,
      arn: identity(resource).arn,
      slot,
      end,
      reason: end === 'passed' ? 'drilled' : 'see its drill',
    })),
    verdict: end === 'passed' || end === 'failed' ? end : 'inconclusive',
  };
}
