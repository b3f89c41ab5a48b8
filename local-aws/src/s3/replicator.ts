import type { Authorizer } from '../auth/authorize.ts';
import { administratorArn } from '../auth/key-store.ts';
import type { ConditionContext, Platform } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import { arnOf, policyOf } from './access.ts';
import { entityTag } from './body.ts';
import { lockForNewVersion } from './lock.ts';
import type { BucketRecord, Encryption, ObjectVersion, Version } from './records.ts';
import { markerRulesFor, rulesFor, type ReplicationRule } from './replication-rules.ts';
import type { ReplicationPlan, S3Store } from './store.ts';

/** AWS copies most objects within 15 seconds. */
const TYPICAL_SECONDS = 15;

/** Why a version was not replicated. It stays FAILED; AWS does not try again by itself. */
class NotReplicated extends Error {}

/**
 * Copies new versions to the buckets that the rules name, one after the other per source bucket and in the order in which
 * they came, in the name of the rule's role. A restart goes on with what was pending.
 */
export class Replicator implements ReplicationPlan {
  private readonly store: S3Store;
  private readonly platform: Platform;
  private readonly authorizer: Authorizer;
  /** By source bucket; an entry is there while its task runs. */
  private readonly queues = new Map<string, Version[]>();

  constructor(store: S3Store, platform: Platform, authorizer: Authorizer) {
    this.store = store;
    this.platform = platform;
    this.authorizer = authorizer;
  }

  isDue(bucket: BucketRecord, version: Version): boolean {
    return targets(bucket, version).length > 0;
  }

  enqueue(version: Version): void {
    const waiting = this.queues.get(version.bucket);
    if (waiting) {
      waiting.push(version);
      return;
    }
    const queue = [version];
    this.queues.set(version.bucket, queue);
    this.platform.tasks.run(`s3 replication of ${version.bucket}`, (signal) =>
      this.drain(version.bucket, queue, signal),
    );
  }

  /** What was there before a rule that asks for it. */
  async takeExisting(bucketName: string): Promise<void> {
    const bucket = this.store.buckets.get(bucketName);
    if (!bucket?.replication?.rules.some(({ enabled, existing }) => enabled && existing)) return;
    const index = this.store.index(bucketName);
    const older: Version[] = [];
    for (const key of index.keys('', ''))
      for (const version of [...index.versionsOf(key)].reverse())
        if (version.replication === undefined && targets(bucket, version).some(({ existing }) => existing))
          older.push(version);
    await Promise.all(older.map((version) => this.store.replicateLate(version)));
  }

  private async drain(bucket: string, queue: Version[], signal: AbortSignal): Promise<void> {
    try {
      while (queue.length > 0) {
        const waited = queue.length;
        await this.platform.pace.take('s3-replication', { typicalSeconds: TYPICAL_SECONDS, signal });
        for (const version of queue.splice(0, waited)) {
          signal.throwIfAborted();
          await this.replicate(version);
        }
      }
    } finally {
      this.queues.delete(bucket);
    }
  }

  private async replicate(queued: Version): Promise<void> {
    const bucket = this.store.buckets.get(queued.bucket);
    const version = this.store.find(queued.bucket, queued.key, queued.versionId);
    if (!bucket || version?.order !== queued.order) return; // deleted meanwhile
    let failure: string | undefined;
    for (const rule of targets(bucket, version)) {
      try {
        if (version.marker) await this.copyMarker(bucket, version, rule);
        else await this.copyObject(bucket, version, rule);
      } catch (err) {
        failure = `to ${rule.destination} by rule ${rule.id}: ${err instanceof Error ? err.message : String(err)}`;
        if (!(err instanceof NotReplicated))
          this.platform.log.error({ err, rule: rule.id }, 's3 replication failed');
      }
    }
    await this.store.setReplication(version, failure === undefined ? 'COMPLETED' : 'FAILED');
    this.platform.events.record({
      kind: 'service',
      service: 's3',
      operation: failure === undefined ? 'Replication:Completed' : 'Replication:Failed',
      accountId: bucket.accountId,
      region: bucket.region,
      resource: arnOf(bucket.name, version.key),
      detail: failure ?? `version ${version.versionId}`,
    });
  }

  private async copyMarker(source: BucketRecord, marker: Version, rule: ReplicationRule): Promise<void> {
    const { destination, may } = this.prepare(source, rule);
    may(destination, 's3:ReplicateDelete', marker.key);
    if (this.store.find(destination.name, marker.key, marker.versionId)) return;
    await this.store.addReplica({ ...marker, bucket: destination.name });
  }

  private async copyObject(
    source: BucketRecord,
    version: ObjectVersion,
    rule: ReplicationRule,
  ): Promise<void> {
    const { destination, may, call } = this.prepare(source, rule);
    may(source, 's3:GetObjectVersionForReplication', version.key);
    may(source, 's3:GetObjectVersionAcl', version.key);
    may(destination, 's3:ReplicateObject', version.key);
    if (version.tags.length > 0) {
      may(source, 's3:GetObjectVersionTagging', version.key);
      may(destination, 's3:ReplicateTags', version.key);
    }
    if (version.retention) may(source, 's3:GetObjectRetention', version.key);
    if (version.legalHold !== undefined) may(source, 's3:GetObjectLegalHold', version.key);
    // Retention and hold of the source go before the destination's default.
    const lock =
      version.retention || version.legalHold !== undefined
        ? { retention: version.retention, legalHold: version.legalHold }
        : lockForNewVersion({}, destination, this.platform.clock.now());
    const known = this.store.find(destination.name, version.key, version.versionId);
    if (known && !known.marker) {
      await this.store.update({ ...known, tags: version.tags, ...lock });
      return;
    }
    const encryption = this.replicaEncryption(version, rule, call);
    const blob = await this.store.blobs.join([version.blob]);
    const moved = encryption.kmsKeyArn !== version.encryption.kmsKeyArn;
    await this.store.addReplica({
      ...version,
      ...lock,
      bucket: destination.name,
      blob,
      encryption,
      ...(moved ? { etag: entityTag(encryption, version.etag) } : {}),
      storageClass: rule.storageClass ?? version.storageClass,
    });
  }

  /** The role at work, and where to. @throws NotReplicated */
  private prepare(source: BucketRecord, rule: ReplicationRule) {
    const roleArn = source.replication?.roleArn ?? '';
    const destination = this.store.buckets.get(rule.destination);
    if (destination?.versioning !== 'Enabled')
      throw new NotReplicated('the destination bucket is gone or keeps no versions');
    if (source.objectLock && !destination.objectLock)
      throw new NotReplicated('the destination bucket has no Object Lock');
    const call = this.callOf(source, roleArn);
    const may = (
      bucket: BucketRecord,
      action: string,
      key?: string,
      context: ConditionContext = {},
    ): void => {
      const { allowed, why } = this.authorizer.decide(
        call,
        action,
        arnOf(bucket.name, key),
        context,
        policyOf(bucket),
      );
      if (!allowed) throw new NotReplicated(`${roleArn} may not ${action} on ${bucket.name}: ${why}`);
    };
    may(source, 's3:GetReplicationConfiguration');
    may(source, 's3:ListBucket');
    return { destination, may, call };
  }

  private callOf(source: BucketRecord, roleArn: string): Call {
    const { roles } = this.platform;
    const call = roles.callAs(roleArn, source.region, 's3', 'Replication');
    if (!call) throw new NotReplicated(`the role ${roleArn} does not exist`);
    const asOwner = { ...call, principalArn: administratorArn(call.accountId) };
    const passable = roles.passable(asOwner, roleArn, 's3.amazonaws.com');
    if (!passable.ok) throw new NotReplicated(passable.reason);
    return call;
  }

  private replicaEncryption({ encryption }: ObjectVersion, rule: ReplicationRule, call: Call): Encryption {
    if (encryption.kmsKeyArn === undefined) return encryption;
    const { keys } = this.platform;
    try {
      keys.requireUsable(encryption.kmsKeyArn, call, ['kms:Decrypt']);
      const { arn } = keys.requireUsable(rule.replicaKey ?? '', call, ['kms:Encrypt']);
      return { ...encryption, kmsKeyArn: arn };
    } catch (err) {
      throw new NotReplicated(err instanceof Error ? err.message : String(err));
    }
  }
}

function targets(bucket: BucketRecord, version: Version): ReplicationRule[] {
  if (version.replication === 'REPLICA') return [];
  return version.marker ? markerRulesFor(bucket, version.key) : rulesFor(bucket, version);
}
