import { randomUUID } from 'node:crypto';
import type { Clock, Journal } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import type { WireError } from '../wire/protocol.ts';
import { masked, resourcesIn, type NamedResource } from './parameters.ts';

/** One management event: who called what, and how it ended. */
export interface TrailEntry {
  readonly id: string;
  /** Simulated time, RFC 3339. */
  readonly at: string;
  readonly service: string;
  readonly operation: string;
  readonly accountId: string;
  readonly region: string;
  readonly principalArn: string;
  readonly accessKeyId: string | undefined;
  readonly sourceIp: string;
  readonly userAgent: string | undefined;
  readonly requestId: string;
  readonly readOnly: boolean;
  readonly errorCode: string | undefined;
  readonly errorMessage: string | undefined;
  /** Secrets masked, long texts cut. */
  readonly parameters: unknown;
  readonly resources: readonly NamedResource[];
}

export interface CallOutcome {
  readonly input: object | undefined;
  readonly status: number;
  readonly error: WireError | undefined;
  readonly userAgent: string | undefined;
}

export interface Trail {
  record(call: Call, outcome: CallOutcome): void;
  /** Newest first. */
  list(accountId: string, region: string): TrailEntry[];
}

/** Entries kept, on disk twice as many before the file is rewritten: some 20 MB at most. */
const KEEP = 20_000;
const KEEP_DAYS = 90;
const DAY_MS = 86_400_000;

/**
 * CloudTrail's event history: 90 days of management events by the clock. Calls that only touch objects are not in it, as
 * in AWS. When there are too many, those that only read go first, then the oldest.
 */
export function createTrail(
  journal: Journal<TrailEntry>,
  clock: Pick<Clock, 'now'>,
  onError: (err: unknown) => void,
  keep = KEEP,
): Trail {
  let entries = bounded(journal.replay(), clock, keep);
  let compacting = false;
  return {
    record(call, { input, error, userAgent }) {
      if (isDataEvent(call)) return;
      const { service, operation, accountId, region, principalArn, accessKeyId, sourceIp, requestId } = call;
      const entry: TrailEntry = {
        ...{ id: randomUUID(), at: clock.now().toISOString(), service, operation, accountId, region },
        ...{ principalArn, accessKeyId, sourceIp, userAgent, requestId, readOnly: isReadOnly(operation) },
        ...{ errorCode: error?.code, errorMessage: error?.message || undefined },
        ...{ parameters: masked(operation, input), resources: resourcesIn(input, accountId) },
      };
      entries.push(entry);
      journal.append(entry).catch(onError);
      if (entries.length > keep * 1.25) entries = bounded(entries, clock, keep);
      if (journal.lines > keep * 2 && !compacting) {
        compacting = true;
        journal
          .compact(() => (entries = bounded(entries, clock, keep)))
          .catch(onError)
          .finally(() => (compacting = false));
      }
    },
    list(accountId, region) {
      const since = new Date(clock.now().getTime() - KEEP_DAYS * DAY_MS).toISOString();
      return entries
        .filter((entry) => entry.accountId === accountId && entry.region === region && entry.at >= since)
        .reverse();
    },
  };
}

function bounded(entries: TrailEntry[], clock: Pick<Clock, 'now'>, keep: number): TrailEntry[] {
  const since = new Date(clock.now().getTime() - KEEP_DAYS * DAY_MS).toISOString();
  const recent = entries.filter(({ at }) => at >= since);
  let excess = recent.length - keep;
  const withoutReads = recent.filter(({ readOnly }) => !readOnly || excess-- <= 0);
  return withoutReads.slice(-keep);
}

/** Object-level and publishing calls are data events, which LookupEvents does not have. */
function isDataEvent({ service, operation }: Call): boolean {
  if (service === 's3') return S3_DATA.test(operation);
  if (service === 'sns') return operation.startsWith('Publish');
  if (service === 'monitoring') return operation === 'PutMetricData' || operation.startsWith('GetMetric');
  return false;
}

const S3_DATA =
  /^((Put|Get|Head|Delete|Copy|List|Restore|Select)Object(?!LockConfiguration)\w*|\w*Multipart\w*|\w*Part(s|Copy)?|ListObjects(V2)?|ListObjectVersions)$/;

function isReadOnly(operation: string): boolean {
  return /^(Get|List|Describe|Head|Lookup|Search|Select|Simulate|Verify|BatchGet|Download)/.test(operation);
}
