import type * as S3 from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import { invalidArgument, invalidRequest, malformedXml } from './errors.ts';
import type { ObjectVersion, Tag } from './records.ts';

/** A bucket's lifecycle as it is kept; `shown` is what the client wrote. */
export interface LifecycleConfiguration {
  readonly rules: readonly LifecycleRule[];
  readonly transitionMinimum: string;
}

export interface LifecycleRule {
  readonly id: string;
  readonly enabled: boolean;
  readonly filter: LifecycleFilter;
  /** The rule as given back by GetBucketLifecycleConfiguration; dates are RFC 3339. */
  readonly shown: S3.LifecycleRule;
  readonly expireAfterDays?: number;
  /** RFC 3339, midnight UTC. */
  readonly expireOn?: string;
  readonly expireLoneMarkers?: true;
  readonly noncurrentDays?: number;
  /** That many noncurrent versions stay, however old. */
  readonly keepNoncurrent?: number;
  readonly abortAfterDays?: number;
  readonly transitions: readonly Transition[];
}

export interface Transition {
  readonly of: 'current' | 'noncurrent';
  readonly days?: number;
  readonly on?: string;
  readonly keepNoncurrent?: number;
  readonly storageClass: string;
}

export interface LifecycleFilter {
  readonly prefix: string;
  readonly tags: readonly Tag[];
  /** Bytes, both exclusive. */
  readonly largerThan?: number;
  readonly smallerThan?: number;
}

const MAX_RULES = 1000;
const TRANSITION_CLASSES = [
  'GLACIER',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'DEEP_ARCHIVE',
  'GLACIER_IR',
];

/** @throws MalformedXML, InvalidArgument, InvalidRequest */
export function readLifecycle(
  configuration: S3.BucketLifecycleConfiguration | undefined,
  transitionMinimum: string | undefined,
): LifecycleConfiguration {
  const given = configuration?.Rules ?? [];
  if (given.length === 0 || given.length > MAX_RULES) throw malformedXml();
  const rules = given.map(readRule);
  if (new Set(rules.map(({ id }) => id)).size !== rules.length)
    throw invalidArgument('Rule ID must be unique. Found same ID for more than one rule');
  return { rules, transitionMinimum: transitionMinimum ?? 'all_storage_classes_128K' };
}

function readRule(rule: S3.LifecycleRule): LifecycleRule {
  if (rule.Status !== 'Enabled' && rule.Status !== 'Disabled') throw malformedXml();
  // Rules of the older form have a prefix of their own.
  const { Prefix: ownPrefix }: { readonly Prefix?: string | undefined } = rule;
  if ((rule.Filter === undefined) === (ownPrefix === undefined)) throw malformedXml();
  const id = rule.ID === undefined || rule.ID === '' ? randomUUID() : rule.ID;
  if (id.length > 255) throw invalidArgument('ID length should not exceed allowed limit of 255');
  const filter = rule.Filter ? readFilter(rule.Filter) : { prefix: ownPrefix ?? '', tags: [] };
  const read: Omit<LifecycleRule, 'id' | 'enabled' | 'filter' | 'shown'> = {
    ...readExpiration(rule.Expiration, filter),
    ...readNoncurrent(rule.NoncurrentVersionExpiration),
    ...readAbort(rule.AbortIncompleteMultipartUpload, filter),
    transitions: [
      ...(rule.Transitions ?? []).map(readTransition),
      ...(rule.NoncurrentVersionTransitions ?? []).map(readNoncurrentTransition),
    ],
  };
  const { transitions, ...actions } = read;
  if (Object.keys(actions).length === 0 && transitions.length === 0)
    throw invalidRequest('At least one action needs to be specified in a rule.');
  for (const { of, days } of transitions) {
    const end = of === 'current' ? read.expireAfterDays : read.noncurrentDays;
    if (days !== undefined && end !== undefined && end <= days)
      throw invalidArgument(
        `'Days' in the Expiration action for filter '${describe(filter)}' must be greater than 'Days' in the Transition action`,
      );
  }
  return { id, enabled: rule.Status === 'Enabled', filter, shown: { ...rule, ID: id }, ...read };
}

function describe({ prefix }: LifecycleFilter): string {
  return `(prefix=${prefix})`;
}

function readFilter(filter: S3.LifecycleRuleFilter): LifecycleFilter {
  const { And, Prefix, Tag, ObjectSizeGreaterThan, ObjectSizeLessThan } = filter;
  const own = [And, Prefix, Tag, ObjectSizeGreaterThan, ObjectSizeLessThan].filter(
    (part) => part !== undefined,
  );
  if (own.length > 1) throw malformedXml();
  const parts = And ?? { Prefix, Tags: Tag ? [Tag] : [], ObjectSizeGreaterThan, ObjectSizeLessThan };
  const tags = (parts.Tags ?? []).map(({ Key = '', Value = '' }) => ({ Key, Value }));
  if (new Set(tags.map(({ Key }) => Key)).size !== tags.length)
    throw invalidRequest('Duplicate Tag Keys are not allowed.');
  const { ObjectSizeGreaterThan: largerThan, ObjectSizeLessThan: smallerThan } = parts;
  if (largerThan !== undefined && smallerThan !== undefined && smallerThan <= largerThan + 1)
    throw invalidRequest('ObjectSizeLessThan must be greater than ObjectSizeGreaterThan by at least 2 bytes');
  return {
    prefix: parts.Prefix ?? '',
    tags,
    ...(largerThan === undefined ? {} : { largerThan }),
    ...(smallerThan === undefined ? {} : { smallerThan }),
  };
}

function readExpiration(expiration: S3.LifecycleExpiration | undefined, filter: LifecycleFilter) {
  if (!expiration) return {};
  const { Days, Date: date, ExpiredObjectDeleteMarker: marker } = expiration;
  const given = [Days, date, marker].filter((part) => part !== undefined);
  if (given.length !== 1) throw malformedXml();
  if (marker !== undefined) {
    if (filter.tags.length > 0)
      throw invalidRequest('ExpiredObjectDeleteMarker cannot be specified with a tag based filter.');
    return marker ? { expireLoneMarkers: true as const } : {};
  }
  if (date !== undefined) return { expireOn: midnight(date) };
  return { expireAfterDays: positive(Days, "'Days' for Expiration action must be a positive integer") };
}

function readNoncurrent(expiration: S3.NoncurrentVersionExpiration | undefined) {
  if (!expiration) return {};
  const { NoncurrentDays, NewerNoncurrentVersions: keep } = expiration;
  const noncurrentDays = positive(
    NoncurrentDays,
    "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
  );
  return { noncurrentDays, ...(keep === undefined ? {} : { keepNoncurrent: keepCount(keep) }) };
}

function keepCount(keep: number): number {
  if (!Number.isInteger(keep) || keep < 1 || keep > 100)
    throw invalidArgument("'NewerNoncurrentVersions' must be a positive integer between 1 and 100");
  return keep;
}

function readAbort(abort: S3.AbortIncompleteMultipartUpload | undefined, filter: LifecycleFilter) {
  if (!abort) return {};
  if (filter.tags.length > 0)
    throw invalidRequest('AbortIncompleteMultipartUpload cannot be specified with Tags.');
  return {
    abortAfterDays: positive(
      abort.DaysAfterInitiation,
      "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
    ),
  };
}

function readTransition({ Days, Date: date, StorageClass }: S3.Transition): Transition {
  if ((Days === undefined) === (date === undefined)) throw malformedXml();
  const storageClass = transitionClass(StorageClass);
  if (date !== undefined) return { of: 'current', on: midnight(date), storageClass };
  if (Days === undefined || !Number.isInteger(Days) || Days < 0)
    throw invalidArgument("'Days' for Transition action must be nonnegative integer");
  checkMinimum(Days, storageClass);
  return { of: 'current', days: Days, storageClass };
}

function readNoncurrentTransition(transition: S3.NoncurrentVersionTransition): Transition {
  const { NoncurrentDays: days = 0, NewerNoncurrentVersions: keep } = transition;
  const storageClass = transitionClass(transition.StorageClass);
  checkMinimum(days, storageClass);
  return {
    of: 'noncurrent',
    days,
    storageClass,
    ...(keep === undefined ? {} : { keepNoncurrent: keepCount(keep) }),
  };
}

function transitionClass(name: string | undefined): string {
  if (name === undefined || !TRANSITION_CLASSES.includes(name)) throw malformedXml();
  return name;
}

function checkMinimum(days: number, storageClass: string): void {
  if (days < 30 && (storageClass === 'STANDARD_IA' || storageClass === 'ONEZONE_IA'))
    throw invalidArgument(
      `'Days' in Transition action must be greater than or equal to 30 for storageClass '${storageClass}'`,
    );
}

function midnight(date: Date): string {
  if (date.getTime() % 86_400_000 !== 0) throw invalidArgument("'Date' must be at midnight GMT");
  return date.toISOString();
}

function positive(days: number | undefined, message: string): number {
  if (days === undefined || !Number.isInteger(days) || days <= 0) throw invalidArgument(message);
  return days;
}

/** Whether a rule's filter takes a version in. */
export function fitsFilter(
  filter: LifecycleFilter,
  { key, tags, size }: Pick<ObjectVersion, 'key' | 'tags' | 'size'>,
): boolean {
  return (
    key.startsWith(filter.prefix) &&
    filter.tags.every((wanted) =>
      tags.some(({ Key, Value }) => Key === wanted.Key && Value === wanted.Value),
    ) &&
    (filter.largerThan === undefined || size > filter.largerThan) &&
    (filter.smallerThan === undefined || size < filter.smallerThan)
  );
}

/** A filter of sizes or tags never means what has neither: markers and unfinished uploads. */
export function fitsPrefixOnly(filter: LifecycleFilter, key: string): boolean {
  const { prefix, tags, largerThan, smallerThan } = filter;
  return key.startsWith(prefix) && tags.length === 0 && largerThan === undefined && smallerThan === undefined;
}
