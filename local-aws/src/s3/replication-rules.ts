import type * as S3 from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import { invalidArgument, invalidRequest, malformedXml } from './errors.ts';
import type { BucketRecord, ObjectVersion, Tag } from './records.ts';

/** Where a bucket's versions are copied to, as it is kept. */
export interface ReplicationConfiguration {
  readonly roleArn: string;
  readonly rules: readonly ReplicationRule[];
}

export interface ReplicationRule {
  readonly id: string;
  readonly enabled: boolean;
  /** The higher one wins where two rules lead to the same bucket. */
  readonly priority: number;
  readonly prefix: string;
  readonly tags: readonly Tag[];
  /** Bucket name. */
  readonly destination: string;
  readonly destinationAccount: string | undefined;
  readonly storageClass: string | undefined;
  readonly replicaKey: string | undefined;
  readonly markers: boolean;
  readonly kmsObjects: boolean;
  readonly existing: boolean;
  /** As written by the client. */
  readonly shown: S3.ReplicationRule;
}

const ROLE = /^arn:aws[\w-]*:iam::\d{12}:role\/.+$/;

/** @throws MalformedXML, InvalidArgument, InvalidRequest */
export function readReplication(
  given: S3.ReplicationConfiguration | undefined,
  source: BucketRecord,
  find: (bucket: string) => BucketRecord | undefined,
): ReplicationConfiguration {
  if (source.versioning !== 'Enabled')
    throw invalidRequest("Versioning must be 'Enabled' on the bucket to apply a replication configuration");
  if (!given?.Role || !given.Rules || given.Rules.length === 0 || given.Rules.length > 1000)
    throw malformedXml();
  if (!given.Role.split(',').every((role) => ROLE.test(role)))
    throw invalidArgument(`Invalid Amazon Resource Name (ARN): ${given.Role}`);
  const rules = given.Rules.map(readRule);
  if (new Set(rules.map(({ id }) => id)).size !== rules.length)
    throw invalidArgument('Rule Id must be unique');
  const modern = rules.filter(({ shown }) => shown.Filter !== undefined);
  if (new Set(modern.map(({ priority }) => priority)).size !== modern.length)
    throw invalidArgument('Found duplicate priority. Priority must be unique.');
  for (const rule of rules) checkDestination(rule, source, find(rule.destination));
  return { roleArn: given.Role, rules };
}

function readRule(rule: S3.ReplicationRule): ReplicationRule {
  const { Filter, Destination, DeleteMarkerReplication, SourceSelectionCriteria, Status } = rule;
  // Rules of the older form have a prefix of their own.
  const { Prefix: ownPrefix }: { readonly Prefix?: string | undefined } = rule;
  if (Status !== 'Enabled' && Status !== 'Disabled') throw malformedXml();
  const destination = /^arn:aws[\w-]*:s3:::([^/]+)$/.exec(Destination?.Bucket ?? '')?.[1];
  if (destination === undefined)
    throw invalidArgument('Invalid bucket ARN.', 'Destination/Bucket', Destination?.Bucket);
  if (Filter && rule.Priority === undefined)
    throw invalidRequest(
      'Priority must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.',
    );
  if (Filter && DeleteMarkerReplication === undefined)
    throw invalidRequest(
      'DeleteMarkerReplication must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.',
    );
  const tags = [...(Filter?.And?.Tags ?? []), ...(Filter?.Tag ? [Filter.Tag] : [])];
  const markers = DeleteMarkerReplication?.Status === 'Enabled';
  if (markers && tags.length > 0)
    throw invalidRequest(
      'Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 Developer Guide for more information.',
    );
  const kmsObjects = SourceSelectionCriteria?.SseKmsEncryptedObjects?.Status === 'Enabled';
  const replicaKey = Destination?.EncryptionConfiguration?.ReplicaKmsKeyID;
  if (kmsObjects && replicaKey === undefined)
    throw invalidRequest(
      'EncryptionConfiguration must be specified if SseKmsEncryptedObjects tag is present',
    );
  if (!kmsObjects && replicaKey !== undefined)
    throw invalidRequest('SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present');
  const id = rule.ID === undefined || rule.ID === '' ? randomUUID() : rule.ID;
  return {
    id,
    enabled: Status === 'Enabled',
    priority: rule.Priority ?? 0,
    prefix: Filter?.And?.Prefix ?? Filter?.Prefix ?? ownPrefix ?? '',
    tags: tags.map(({ Key = '', Value = '' }) => ({ Key, Value })),
    destination,
    destinationAccount: Destination?.Account,
    storageClass: Destination?.StorageClass,
    replicaKey,
    markers,
    kmsObjects,
    existing: rule.ExistingObjectReplication?.Status === 'Enabled',
    shown: { ...rule, ID: id },
  };
}

function checkDestination(
  rule: ReplicationRule,
  source: BucketRecord,
  destination: BucketRecord | undefined,
): void {
  if (!destination) throw invalidRequest('Destination bucket must exist.');
  if (destination.name === source.name)
    throw invalidRequest('Destination bucket cannot be the same as the source bucket.');
  if (destination.versioning !== 'Enabled')
    throw invalidRequest('Destination bucket must have versioning enabled.');
  if (source.objectLock && !destination.objectLock)
    throw invalidRequest('Destination bucket must have Object Lock enabled, as the source bucket has.');
  if (rule.destinationAccount !== undefined && rule.destinationAccount !== destination.accountId)
    throw invalidArgument('The destination bucket is not owned by the account that was specified.');
}

/** The rules that concern an object, one per destination. */
export function rulesFor({ replication }: BucketRecord, version: ObjectVersion): ReplicationRule[] {
  return strongest(
    replication?.rules.filter(
      ({ enabled, prefix, tags, kmsObjects }) =>
        enabled &&
        version.key.startsWith(prefix) &&
        (version.encryption.kmsKeyArn === undefined || kmsObjects) &&
        tags.every((wanted) =>
          version.tags.some(({ Key, Value }) => Key === wanted.Key && Value === wanted.Value),
        ),
    ),
  );
}

export function markerRulesFor({ replication }: BucketRecord, key: string): ReplicationRule[] {
  return strongest(
    replication?.rules.filter(
      ({ enabled, prefix, tags, markers }) =>
        enabled && markers && tags.length === 0 && key.startsWith(prefix),
    ),
  );
}

function strongest(rules: readonly ReplicationRule[] = []): ReplicationRule[] {
  const byDestination = new Map<string, ReplicationRule>();
  for (const rule of rules) {
    const known = byDestination.get(rule.destination);
    if (!known || known.priority < rule.priority) byDestination.set(rule.destination, rule);
  }
  return [...byDestination.values()];
}
