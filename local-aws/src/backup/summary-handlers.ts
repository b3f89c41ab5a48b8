import * as Backup from '@aws-sdk/client-backup';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { BackupContext } from './context.ts';
import { fault } from './faults.ts';
import { type JobFacts, matches, messageCategory } from './job-lists.ts';
import { samePlace } from './names.ts';
import { page } from './paging.ts';

const DAY_MS = 86_400_000;
const DAYS: Readonly<Record<Backup.AggregationPeriod, number>> = {
  ONE_DAY: 1,
  SEVEN_DAYS: 7,
  FOURTEEN_DAYS: 14,
};
/** In place of a value: `AGGREGATE_ALL` counts all together, `ANY` each by itself. */
const ALL = 'AGGREGATE_ALL';
const ANY = 'ANY';

interface Request {
  readonly AccountId?: string | undefined;
  readonly State?: string | undefined;
  readonly ResourceType?: string | undefined;
  readonly MessageCategory?: string | undefined;
  readonly AggregationPeriod?: Backup.AggregationPeriod | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

/** How many jobs there were, by state, type and reason, in the period before now. */
export function summaryHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { platform, store, kinds } = context;

  const summarise = (jobs: Iterable<JobFacts>, input: Request, call: Call) => {
    const period = input.AggregationPeriod ?? 'FOURTEEN_DAYS';
    const days = (DAYS as Readonly<Record<string, number>>)[period];
    if (days === undefined)
      throw fault(
        Backup.InvalidParameterValueException,
        `AggregationPeriod must be one of ${Object.keys(DAYS).join(', ')}; it is ${period}.`,
      );
    const end = platform.clock.now();
    const start = new Date(end.getTime() - days * DAY_MS);
    const counts = new Map<string, { readonly parts: readonly string[]; count: number }>();
    for (const job of jobs) {
      const seen = job.createdAt >= start.toISOString() && samePlace(job, call);
      const values = [
        job.accountId,
        job.state,
        kinds.typeOf(job.resourceArn ?? '') ?? '',
        messageCategory(job),
      ];
      const wanted = [input.AccountId, input.State, input.ResourceType, input.MessageCategory];
      const fits = values.every((value, at) => isOpen(wanted[at]) || matches(wanted[at], value));
      if (!seen || !fits) continue;
      const parts = values.map((value, at) => (wanted[at] === ALL ? ALL : value));
      const key = parts.join('/');
      const known = counts.get(key) ?? { parts, count: 0 };
      counts.set(key, { parts, count: known.count + 1 });
    }
    const { items, NextToken } = page([...counts.values()], ({ parts }) => parts.join('/'), input);
    const summaries = items.map(
      ({ parts: [AccountId, State = '', ResourceType, MessageCategory], count }) => ({
        ...{ Region: call.region, AccountId, State, ResourceType, MessageCategory },
        ...{ Count: count, StartTime: start, EndTime: end },
      }),
    );
    return { summaries, NextToken, AggregationPeriod: period };
  };

  return {
    async ListBackupJobSummaries(input, call) {
      platform.authorize(call, 'backup:ListBackupJobSummaries', '*');
      const { summaries, ...rest } = summarise(store.backupJobs.values(), input, call);
      return { BackupJobSummaries: summaries as Backup.BackupJobSummary[], ...rest };
    },

    async ListCopyJobSummaries(input, call) {
      platform.authorize(call, 'backup:ListCopyJobSummaries', '*');
      const { summaries, ...rest } = summarise(store.copyJobs.values(), input, call);
      return { CopyJobSummaries: summaries as Backup.CopyJobSummary[], ...rest };
    },

    async ListRestoreJobSummaries(input, call) {
      platform.authorize(call, 'backup:ListRestoreJobSummaries', '*');
      const { summaries, ...rest } = summarise(
        store.restoreJobs.values(),
        { ...input, MessageCategory: ALL }, // which these summaries do not have
        call,
      );
      const RestoreJobSummaries = summaries.map((summary) => ({ ...summary, MessageCategory: undefined }));
      return { RestoreJobSummaries: RestoreJobSummaries as Backup.RestoreJobSummary[], ...rest };
    },
  };
}

function isOpen(wanted: string | undefined): boolean {
  return wanted === ALL || wanted === ANY;
}
