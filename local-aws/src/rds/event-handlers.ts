import type * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { invalidCombination, invalidValue } from './faults.ts';
import { rdsArn } from './names.ts';
import { byKey, page } from './paging.ts';
import { EVENT_DAYS } from './store.ts';

const DEFAULT_MINUTES = 60;
const MOST_MINUTES = EVENT_DAYS * 24 * 60;
const ARN_KINDS = {
  'db-instance': 'db',
  'db-snapshot': 'snapshot',
  'db-cluster': 'cluster',
  'db-cluster-snapshot': 'cluster-snapshot',
} as const;
/** The categories that events here have. */
const CATEGORIES = {
  'db-instance': [
    ...['availability', 'backup', 'configuration change', 'creation', 'deletion', 'failure', 'low storage'],
    ...['notification', 'recovery', 'restoration'],
  ],
  'db-snapshot': ['creation', 'deletion', 'failure', 'notification'],
  'db-cluster': ['configuration change', 'creation', 'deletion', 'failover', 'failure', 'notification'],
  'db-cluster-snapshot': ['backup', 'creation', 'deletion', 'failure', 'notification'],
} as const;
const OTHER_SOURCES = [
  'db-parameter-group',
  'db-security-group',
  'custom-engine-version',
  'db-proxy',
  'blue-green-deployment',
];

/** What happened, for fourteen days. */
export function eventHandlers({ platform, store }: RdsContext): Handlers<typeof RDS> {
  return {
    async DescribeEvents(input, call) {
      refuseMembers('rds', 'DescribeEvents', input, ['Filters']);
      platform.authorize(call, 'rds:DescribeEvents', rdsArn(call, 'db', '*'));
      requireSource(input.SourceType);
      if (input.SourceIdentifier !== undefined && input.SourceType === undefined)
        throw invalidCombination('SourceType must be specified together with SourceIdentifier.');
      const { start, end } = periodOf(input, platform.clock.now());
      const wanted = new Set(input.EventCategories);
      const matching = [...store.events.entries()]
        .filter(
          ([, event]) =>
            event.accountId === call.accountId &&
            event.region === call.region &&
            event.at >= start.toISOString() &&
            event.at <= end.toISOString() &&
            (input.SourceType === undefined || event.sourceType === input.SourceType) &&
            (input.SourceIdentifier === undefined ||
              event.sourceId === input.SourceIdentifier.toLowerCase()) &&
            (wanted.size === 0 || event.categories.some((category) => wanted.has(category))),
        )
        .sort(byKey(([key]) => key));
      const { items, Marker } = page(matching, ([key]) => key, input);
      const Events = items.map(([, event]) => ({
        SourceIdentifier: event.sourceId,
        SourceType: event.sourceType,
        SourceArn: rdsArn(event, ARN_KINDS[event.sourceType], event.sourceId),
        Message: event.message,
        EventCategories: [...event.categories],
        Date: new Date(event.at),
      }));
      return { Events, Marker };
    },

    async DescribeEventCategories(input, call) {
      refuseMembers('rds', 'DescribeEventCategories', input, ['Filters']);
      platform.authorize(call, 'rds:DescribeEventCategories', '*');
      requireSource(input.SourceType);
      const maps = Object.entries(CATEGORIES)
        .filter(([source]) => input.SourceType === undefined || source === input.SourceType)
        .map(([SourceType, categories]) => ({ SourceType, EventCategories: [...categories] }));
      return { EventCategoriesMapList: maps };
    },
  };
}

function requireSource(type: string | undefined): void {
  if (type === undefined || type in CATEGORIES || OTHER_SOURCES.includes(type)) return;
  throw invalidValue(`Invalid source type: ${type}.`);
}

/** The last hour, unless something else is asked for. */
function periodOf(
  { StartTime, EndTime, Duration }: RDS.DescribeEventsCommandInput,
  now: Date,
): { start: Date; end: Date } {
  if (Duration !== undefined && (StartTime ?? EndTime) !== undefined)
    throw invalidCombination('Duration cannot be specified together with StartTime or EndTime.');
  if (Duration !== undefined && (Duration < 1 || Duration > MOST_MINUTES))
    throw invalidValue(`Invalid duration: ${Duration}. It must be between 1 and ${MOST_MINUTES} minutes.`);
  const end = EndTime ?? now;
  const start = StartTime ?? new Date(end.getTime() - (Duration ?? DEFAULT_MINUTES) * 60_000);
  if (start > end) throw invalidCombination('StartTime must be before EndTime.');
  if (now.getTime() - start.getTime() > MOST_MINUTES * 60_000 + 60_000)
    throw invalidValue(`Events are kept for ${EVENT_DAYS} days: StartTime must not be earlier.`);
  return { start, end };
}
