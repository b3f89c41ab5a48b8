import { POINT } from './evidence-claims.ts';
import { slotOfNight } from './evidence-export.ts';
import { drillFact, identity, POLICY, protectionFact } from './evidence-facts.ts';
import type { DrillFact, Fact, PopulationRow, ProtectionFact, RestoreFact } from '../../domain/facts.ts';
import type { CheckResult } from '../../domain/verdict.ts';
import type { NightToSeal } from './evidence-export.ts';
import type { Signer } from '../../evidence/signer.ts';

const policySha256 = 'ab'.repeat(32);
const later = (slot: string, seconds: number): string =>
  new Date(Date.parse(slot) + seconds * 1000).toISOString();
const day = (slot: string, days: number): string => later(slot, days * 86_400).replace('.000Z', 'Z');

export function backupOf(resource: string, slot: string, keepDays = 90): ProtectionFact {
  const point = (region: string, account: string, vault: string): ProtectionFact['points'][number] => ({
    ...POINT,
    arn: `arn:aws:rds:${region}:${account}:snapshot:awsbackup:job-${resource}-${slot.slice(0, 10)}`,
    location: { accountId: account, region, vault },
    createdAt: later(slot, 95).replace('.000Z', 'Z'),
    deleteAt: day(later(slot, 95), keepDays),
    encryptionKeyArn: `arn:aws:kms:${region}:${account}:key/0a1b2c3d-0000-4000-8000-000000000001`,
    sizeBytes: 48_318_382_080,
  });
  const timing = (step: string, from: number, seconds: number) => ({
    step,
    startedAt: later(slot, from),
    seconds,
  });
  return {
    ...protectionFact(resource, slot),
    trigger: 'night',
    points: [
      point('eu-central-1', '111111111111', 'lifeboat-local'),
      {
        ...point('us-east-1', '111111111111', 'lifeboat-relay'),
        deleteAt: day(slot, 2),
        lock: { state: 'none' },
      },
      point('us-east-1', '222222222222', 'lifeboat'),
    ],
    fingerprints: ['before', 'after'].map((moment, n) => ({
      bucket: 'ledger',
      key: `fingerprints/${resource}/${slot}/${moment}`,
      versionId: `v${n}`,
      sha256: 'ef'.repeat(32),
      bytes: 81_920,
      takenAt: later(slot, 60 + n * 60),
      tables: 42,
      rows: 1_384_980,
      blocks: 61_200,
    })),
    timings: [
      timing('preflight', 0, 12),
      timing('backup', 30, 190),
      timing('copy to us-east-1', 220, 600),
      timing('copy to vault', 820, 410),
    ],
  };
}

function checkOf(
  check: CheckResult['check'],
  question: string,
  slot: string,
  more: Partial<CheckResult> = {},
): CheckResult {
  return {
    check,
    question,
    status: 'passed',
    examined: [{ unit: 'rows', examined: 1_384_980, total: 1_384_980 }],
    findings: [],
    findingsOmitted: 0,
    notTested: [],
    measured: {},
    startedAt: later(slot, 2400),
    durationMs: 41_200,
    ...more,
  };
}

export function drillOf(
  resource: string,
  slot: string,
  n: number,
  verdict: DrillFact['verdict'] = 'passed',
): DrillFact {
  const seconds = 1500 + ((n * 37 + resource.length * 91) % 400);
  const timing = (step: string, from: number, length: number) => ({
    step,
    startedAt: later(slot, 1300 + from),
    seconds: length,
  });
  const bad = verdict === 'failed';
  return {
    ...drillFact(resource, slot, verdict),
    reasons: bad
      ? ['content: 3 blocks of public.order_line differ (orders.public.order_line block 812)']
      : [],
    selection: { rule: 'the newest point in the last vault', candidates: 31 },
    point: backupOf(resource, slot).points[2]!,
    checks: [
      checkOf('boot', 'Did recovery finish, on the expected version and lineage?', slot, {
        examined: [{ unit: 'facts', examined: 6, total: 6 }],
        measured: { systemIdentifier: '7351234567890123456' },
      }),
      checkOf('pages', 'Is any page damaged?', slot, {
        examined: [{ unit: 'pages', examined: 61_200, total: 61_200 }],
      }),
      checkOf('schema', 'Is everything there?', slot, {
        examined: [{ unit: 'tables', examined: 42, total: 42 }],
        notTested: ['comments on objects'],
      }),
      checkOf('content', 'Are these the rows?', slot, {
        coverage: { provenRows: 1_299_240, boundedRows: 85_740, notExaminedRows: 0 },
        notTested: ['large objects: their content is not part of the fingerprint'],
        ...(bad
          ? {
              status: 'failed',
              findings: [
                {
                  severity: 'failure',
                  code: 'differs',
                  message: '3 blocks of public.order_line differ',
                  where: 'orders.public.order_line block 812',
                },
              ],
            }
          : {}),
      }),
      checkOf('freshness', 'How old is the newest data really?', slot, {
        examined: [{ unit: 'rows', examined: 1, total: 1 }],
        measured: { dataLossSeconds: 4 + (n % 9), newestRowAt: later(slot, 90) },
      }),
    ],
    fence: {
      attempts: [
        { target: 'production, 10.0.1.17:5432', reached: false, how: 'no answer within 3 s' },
        { target: 'the internet, 1.1.1.1:443', reached: false, how: 'no route' },
      ],
      settings: { publiclyAccessible: false, subnetGroup: 'lifeboat-drill' },
    },
    teardown: {
      complete: true,
      removed: [
        {
          what: `arn:aws:rds:us-east-1:333333333333:db:lb-drill-${resource}`,
          absent: true,
          seen: 'DBInstanceNotFound',
        },
        { what: 'the point in lifeboat-transit', absent: true, seen: 'ResourceNotFoundException' },
      ],
    },
    rto: { available: seconds - 220, firstQuery: seconds - 200, verified: seconds },
    rpoSeconds: 4 + (n % 9),
    timings: [
      timing('choose point', 0, 2),
      timing('transit copy', 2, 240),
      timing('restore', 242, seconds - 220),
      timing('credentials', seconds + 22, 8),
      timing('isolation', seconds + 30, 6),
      timing('first query', seconds + 36, 6),
      timing('checks', seconds + 42, 200),
      timing('teardown', seconds + 242, 310),
    ],
    recordedBy: { tool: 'lifeboat', version: '0.1.0', confidence: 'real' },
  } as DrillFact;
}

export function restoreOf(request: string, slot: string, phase: RestoreFact['phase']): RestoreFact {
  return {
    type: 'restore',
    policy: POLICY,
    policySha256,
    request,
    requestedBy: 'ada',
    reason: 'customer 4711 deleted their orders by mistake',
    phase,
    resource: identity('orders'),
    point: backupOf('orders', slot).points[2]!,
    verdict: 'passed',
    checks: drillOf('orders', slot, 0).checks,
    endpoint: phase === 'handed-over' ? 'lb-restore-orders.example:5432' : null,
    deadline: phase === 'verified' ? null : later(slot, 8 * 3600),
    ended: phase === 'ended' ? 'finished by ada' : null,
    teardown:
      phase === 'ended'
        ? {
            complete: true,
            removed: [{ what: 'lb-restore-orders', absent: true, seen: 'DBInstanceNotFound' }],
          }
        : null,
  };
}

export const MONTH_RESOURCES = ['orders', 'customers', 'stock', 'invoices', 'sessions'] as const;

/**
 * A month as months are: a failed drill, two inconclusive ones, a night that never happened, an excluded database, one that nobody decided
 * about, a restore by request, a waiver, a sign-off, and what expired proven gone.
 */
export function monthOfNights(signer: Signer, nights = 31): NightToSeal[] {
  return Array.from({ length: nights }, (_, n) => n)
    .filter((n) => n !== 17)
    .map((n) => {
      const slot = slotOfNight(n);
      const endOf = (resource: string): PopulationRow['end'] =>
        resource === 'customers' && n === 11
          ? 'failed'
          : resource === 'stock' && (n === 5 || n === 6)
            ? 'inconclusive'
            : 'passed';
      const facts: Fact[] = MONTH_RESOURCES.flatMap((resource) => {
        const end = endOf(resource);
        return end === 'inconclusive'
          ? [backupOf(resource, slot)]
          : [backupOf(resource, slot), drillOf(resource, slot, n, end === 'failed' ? 'failed' : 'passed')];
      });
      facts.push({
        type: 'retention',
        policy: POLICY,
        slot,
        awsNow: later(slot, 7200),
        vaults: [
          {
            location: POINT.location,
            live: 450,
            provenGone: [{ arn: `arn:gone:${n}`, dueAt: slot, seen: 'not found' }],
            lingering: [],
            held: [],
            withoutExpiry: [],
          },
        ],
      });
      if (n === 12) {
        const about = {
          policy: POLICY,
          policySha256,
          slot,
          resource: identity('invoices'),
          drill: 'drill/invoices/12',
        };
        const { fence, teardown } = drillOf('invoices', slot, n);
        facts.push(
          {
            type: 'isolation',
            ...about,
            fence: fence!,
            roles: ['arn:aws:iam::333333333333:role/lifeboat-prober'],
            productionCredentials: [],
          },
          {
            type: 'teardown',
            ...about,
            teardown: teardown!,
            before: ['arn:aws:rds:us-east-1:333333333333:subgrp:lifeboat-drill'],
            after: ['arn:aws:rds:us-east-1:333333333333:subgrp:lifeboat-drill'],
            leftovers: [],
            cost: { amount: 0.42, currency: 'USD', ratesOf: '2026-11-01' },
          },
          {
            type: 'known-bad',
            policy: POLICY,
            policySha256,
            slot,
            resource: identity('orders'),
            damage: 'one row changed',
            verdict: 'passed',
            caught: false,
            reasons: [],
          },
        );
      }
      if (n === 8)
        for (const phase of ['verified', 'handed-over', 'ended'] as const)
          facts.push(restoreOf('r-2026-11-29', slot, phase));
      if (n === 12)
        facts.push({
          type: 'waiver',
          policy: POLICY,
          policySha256,
          waiver: 'w-7',
          owner: 'barbara@example.com',
          resource: 'customers',
          what: 'content',
          reason: 'order_line is rebuilt from events until the index is repaired',
          grantedAt: slot,
          expires: day(slot, 30),
        });
      const row = (resource: string, end: PopulationRow['end'], reason: string): PopulationRow => ({
        resource,
        arn: identity(resource).arn,
        slot,
        end,
        reason,
      });
      const reasons: Partial<Record<PopulationRow['end'], string>> = {
        failed: 'content: 3 blocks of public.order_line differ',
        inconclusive: 'restore: InsufficientDBInstanceCapacity in us-east-1',
      };
      const population = [
        ...MONTH_RESOURCES.map((resource) => row(resource, endOf(resource), reasons[endOf(resource)] ?? '')),
        row('scratch', 'excluded', 'Holds nothing that cannot be loaded again.'),
        ...(n >= 20
          ? [row('new-reports', 'not-covered', 'the policy neither protects nor excludes it')]
          : []),
      ];
      const bad = population.some(({ end }) => end === 'failed');
      const open = population.some(({ end }) => end === 'inconclusive');
      return {
        facts,
        night: {
          type: 'night',
          policy: POLICY,
          policySha256,
          slot,
          population,
          verdict: bad ? 'failed' : open ? 'inconclusive' : 'passed',
        },
        signers: [signer],
      };
    });
}
