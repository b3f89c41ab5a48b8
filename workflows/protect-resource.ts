import { CancellationScope, isCancellation, log, workflowInfo } from '@temporalio/workflow';
import type { FingerprintRef, RecoveryPointFacts, StatementRef } from '../domain/facts.ts';
import type { ProbedDatabase } from '../activities/prober.ts';
import type { Source } from '../activities/kinds/driver.ts';
import type { LastVerified } from '../domain/last-verified.ts';
import type { ProtectRequest, ProtectResult } from '../domain/requests.ts';
import { readBackProblems } from '../domain/read-back.ts';
import { pointSubjects } from '../domain/subjects.ts';
import { routeOf, type Vault } from '../domain/route.ts';
import { evidence, proberIn, quick, untilKnown, waitForBackup, waitForCopy } from './activities.ts';
import { failureTypeOf, isStepFailure, reasonOf, refusal } from './reasons.ts';
import { trackProgress, type Tracker } from './progress.ts';

/**
 * Takes one resource's nightly backup and brings it to the last vault: fingerprint, backup, fingerprint, copy hop by hop, each read
 * back. Always ends in a statement. A fingerprint that cannot be taken does not stop the backup: a copy that cannot be verified is
 * worth more than none, and the drill says `inconclusive`.
 */
export async function protectResource(request: ProtectRequest): Promise<ProtectResult> {
  const { policy, policySha256, slot, resource, trigger } = request;
  const [source, ...hops] = routeOf(policy);
  const progress = trackProgress([
    'preflight',
    'fingerprint before',
    'backup',
    'fingerprint after',
    ...hops.map(copyStep),
    'statement',
  ]);
  const startedAt = Date.now();
  const seen: Seen = { source: null, before: null, after: null, points: [] };
  let problem: unknown = null;

  try {
    await protect();
  } catch (error) {
    if (!isStepFailure(error)) throw error;
    problem = error;
  }
  const statement = await CancellationScope.nonCancellable(record);
  const reason = problem === null ? {} : { reason: reasonOf(problem) };
  return {
    resource,
    outcome: problem === null ? 'protected' : 'failed',
    ...reason,
    identity: seen.source?.identity ?? null,
    points: seen.points,
    fingerprints:
      seen.before === null || seen.after === null ? null : { before: seen.before, after: seen.after },
    statement,
    seconds: (Date.now() - startedAt) / 1000,
  };

  async function protect(): Promise<void> {
    const found = await progress.step('preflight', async () => {
      await quick.preflight({ policy });
      return quick.describeSource({ policy, resource });
    });
    seen.source = found;
    const known = await lastVerified(request, found);
    seen.before = await fingerprint(progress, request, found, 'before', { known });
    const first = await progress.step('backup', () => backUp(found.identity.arn));
    seen.after =
      seen.before === null
        ? null
        : await fingerprint(progress, request, found, 'after', { before: seen.before });
    await accept(first, source);
    let from = { vault: source, pointArn: first };
    for (const vault of hops) {
      const pointArn = await progress.step(copyStep(vault), () => copy(from.vault, vault, from.pointArn));
      await accept(pointArn, vault);
      from = { vault, pointArn };
    }
  }

  /** A job that fails gets one repetition under a token of its own (contract rows 2 and 8); then a person is needed. */
  async function backUp(resourceArn: string): Promise<string> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const jobId = await untilKnown.startBackup({ policy, resource, resourceArn, slot, attempt });
        return await waitForBackup({ policy, jobId });
      } catch (error) {
        if (attempt > 0 || failureTypeOf(error) !== 'BackupFailed') throw error;
      }
    }
  }

  async function copy(from: Vault, to: Vault, pointArn: string): Promise<string> {
    const purpose = `${workflowInfo().workflowId}/${pointArn}`;
    const copyJobId = await untilKnown.startCopy({
      policy,
      from,
      to,
      pointArn,
      deleteAfterDays: to.keepDays,
      purpose,
    });
    return waitForCopy({ policy, from, to, copyJobId });
  }

  async function accept(pointArn: string, vault: Vault): Promise<void> {
    const awsNow = await quick.awsNow({ policy });
    const point = await quick.readBackPoint({ policy, vault, pointArn, awsNow });
    seen.points.push({ ...point, wantedLock: vault.lock });
    const problems = readBackProblems(point, vault);
    if (problems.length > 0) throw refusal('ReadBackDiffers', `${problems.join('; ')}.`);
  }

  async function record(): Promise<StatementRef> {
    const identity = seen.source?.identity ?? unidentified(request);
    return progress.step('statement', () =>
      evidence.recordStatement({
        policy,
        scope: `protect-${resource}-${slot}`,
        name: 'protection',
        subjects: pointSubjects(
          seen.points.map(({ arn }) => arn),
          seen.after,
        ),
        fact: {
          type: 'protection',
          policy: policy.name,
          policySha256,
          slot,
          resource: identity,
          endpoint: seen.source?.endpoint ?? null,
          engineVersion: seen.source?.engineVersion ?? 'unknown',
          trigger,
          outcome: problem === null ? 'protected' : 'failed',
          ...(problem === null ? {} : { reason: reasonOf(problem) }),
          fingerprints: [seen.before, seen.after].filter((ref) => ref !== null),
          points: seen.points,
          timings: progress.timings(),
        },
      }),
    );
  }
}

interface Seen {
  source: Source | null;
  before: FingerprintRef | null;
  after: FingerprintRef | null;
  readonly points: RecoveryPointFacts[];
}

/** Null when it could not be taken; cancellation is passed on. */
async function fingerprint(
  progress: Tracker,
  { policy, slot, resource }: ProtectRequest,
  { identity, endpoint }: Source,
  pass: 'before' | 'after',
  earlier: { readonly before: FingerprintRef } | { readonly known: LastVerified | null },
): Promise<FingerprintRef | null> {
  const entry = policy.resources.find(({ name }) => name === resource);
  if (entry === undefined) return null;
  const database: ProbedDatabase = {
    kind: entry.kind,
    ...endpoint,
    secretArn: entry.credentials ?? null,
    region: policy.backup.region,
  };
  const key = `fingerprints/${slot.slice(0, 10)}/${resource}/${identity.immutableId}/${slot}/${pass}`;
  const night = Math.floor(Date.parse(slot) / 86_400_000);
  const ask = {
    ...{ policy, database, pass, key },
    ...('before' in earlier ? earlier : {}),
    ...('known' in earlier && earlier.known !== null ? { known: earlier.known.fingerprints } : {}),
    ...(entry.load === undefined
      ? {}
      : { load: { ...entry.load, timeZone: policy.schedule.timezone, night } }),
  };
  try {
    return await progress.step(
      `fingerprint ${pass}`,
      () => proberIn(policy, 'production').takeFingerprint(ask),
      coverage,
    );
  } catch (error) {
    if (isCancellation(error) || !isStepFailure(error)) throw error;
    return null;
  }
}

/**
 * The night from which the digests of what did not change may be taken; asked for only where the policy wants that. When the ledger cannot
 * be searched, everything is read.
 */
async function lastVerified(
  { policy, resource }: ProtectRequest,
  { identity }: Source,
): Promise<LastVerified | null> {
  const entry = policy.resources.find(({ name }) => name === resource);
  if (entry?.load?.rereadWithin === undefined) return null;
  try {
    return await quick.findLastVerified({ policy, resource, immutableId: identity.immutableId });
  } catch (error) {
    if (isCancellation(error) || !isStepFailure(error)) throw error;
    log.warn('the last verified night could not be looked for; everything is read', { resource });
    return null;
  }
}

const coverage = ({ rows, tables, blocks }: FingerprintRef): string =>
  `${rows} rows in ${tables} tables, ${blocks} blocks`;
const copyStep = ({ account, name, region }: Vault): string => `copy to ${name} (${account}, ${region})`;

export function unidentified({ policy, resource }: Pick<ProtectRequest, 'policy' | 'resource'>) {
  const entry = policy.resources.find(({ name }) => name === resource);
  return {
    name: resource,
    kind: entry?.kind ?? 'unknown',
    arn: entry?.arn ?? 'unknown',
    immutableId: 'unknown',
  };
}
