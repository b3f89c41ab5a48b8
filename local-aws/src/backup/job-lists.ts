import { ResourceNotFoundException } from '@aws-sdk/client-backup';
import { randomUUID } from 'node:crypto';
import type { Place } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import type { BackupContext } from './context.ts';
import { fault } from './faults.ts';
import { keyOf, samePlace } from './names.ts';
import { within } from './paging.ts';

/** What finding, filtering and sorting need of a job of any kind. */
export interface JobFacts extends Place {
  readonly id: string;
  readonly state: string;
  readonly createdAt: string;
  readonly completedAt?: string | undefined;
  readonly resourceArn?: string | undefined;
}

/** The members that all kinds of jobs begin with. */
export function newJob({ accountId, region }: Place, createdAt: string, iamRoleArn: string) {
  return { accountId, region, id: randomUUID().toUpperCase(), createdAt, iamRoleArn, percent: 0 };
}

interface CommonFilters {
  readonly ByAccountId?: string | undefined;
  readonly ByResourceType?: string | undefined;
  readonly ByCreatedAfter?: Date | undefined;
  readonly ByCreatedBefore?: Date | undefined;
  readonly ByCompleteAfter?: Date | undefined;
  readonly ByCompleteBefore?: Date | undefined;
  readonly ByMessageCategory?: string | undefined;
  readonly ByParentJobId?: string | undefined;
}

/** The jobs of the caller's place that pass the filters of all lists. No job here has a parent. */
export function matchingJobs<J extends JobFacts>(
  { kinds }: BackupContext,
  jobs: Iterable<J>,
  input: CommonFilters,
  call: Call,
): J[] {
  return [...jobs].filter(
    (job) =>
      samePlace(job, call) &&
      input.ByParentJobId === undefined &&
      (input.ByAccountId === '*' || matches(input.ByAccountId, job.accountId)) &&
      matches(input.ByResourceType, kinds.typeOf(job.resourceArn ?? '') ?? '') &&
      matches(input.ByMessageCategory, messageCategory(job)) &&
      within(job.createdAt, input.ByCreatedAfter, input.ByCreatedBefore) &&
      within(job.completedAt, input.ByCompleteAfter, input.ByCompleteBefore),
  );
}

export function matches(wanted: string | undefined, actual: string): boolean {
  return wanted === undefined || wanted === actual;
}

export function sortKey({ createdAt, id }: JobFacts): string {
  return `${createdAt}/${id}`;
}

/** @throws ResourceNotFoundException */
export function findJob<J>(
  table: { get(key: string): J | undefined },
  place: Place,
  id: string,
  what: string,
): J {
  const job = table.get(keyOf(place, id)) ?? table.get(keyOf(place, id.toUpperCase()));
  if (job) return job;
  throw fault(ResourceNotFoundException, `${what} ${id} does not exist.`);
}

/** AWS's one-word reasons, as far as they can be told from what a job says. */
export function messageCategory({
  state,
  statusMessage = '',
}: {
  readonly state: string;
  readonly statusMessage?: string | undefined;
}): string {
  if (state === 'COMPLETED') return 'SUCCESS';
  if (state === 'ABORTED') return 'ABORTED';
  if (state === 'EXPIRED') return 'EXPIRED';
  if (state !== 'FAILED') return '';
  if (/access ?denied|not authorized/i.test(statusMessage)) return 'AccessDenied';
  return 'FAILURE';
}
