import { everyPage, tagsIn, text, type Tag, type Taggable, type TaggedResource } from './resources.ts';

const MARKER = ['Marker', 'Marker'] as const;
const NEXT_TOKEN = ['NextToken', 'NextToken'] as const;

/** By signing name. Each speaks to its service in the service's own operations, so that its checks hold. */
export const TAGGABLES: Readonly<Record<string, Taggable>> = {
  rds: {
    async list(ask) {
      const kinds = [
        ['DescribeDBInstances', 'DBInstances', 'DBInstanceArn', 'rds:db', {}],
        ['DescribeDBSnapshots', 'DBSnapshots', 'DBSnapshotArn', 'rds:snapshot', {}],
        [
          'DescribeDBSnapshots',
          'DBSnapshots',
          'DBSnapshotArn',
          'rds:snapshot',
          { SnapshotType: 'awsbackup' },
        ],
        ['DescribeDBClusters', 'DBClusters', 'DBClusterArn', 'rds:cluster', {}],
        [
          'DescribeDBClusterSnapshots',
          'DBClusterSnapshots',
          'DBClusterSnapshotArn',
          'rds:cluster-snapshot',
          {},
        ],
      ] as const;
      const found: TaggedResource[] = [];
      for (const [operation, list, arn, type, input] of kinds)
        for (const item of await everyPage(ask, operation, list, MARKER, input))
          found.push({ arn: text(item, arn), type, tags: tagsIn(item, 'TagList') });
      return found;
    },
    async tag(ask, ResourceName, Tags) {
      await ask('AddTagsToResource', { ResourceName, Tags });
    },
    async untag(ask, ResourceName, TagKeys) {
      await ask('RemoveTagsFromResource', { ResourceName, TagKeys });
    },
  },
  s3: {
    async list(ask) {
      const found: TaggedResource[] = [];
      for (const bucket of await everyPage(ask, 'ListBuckets', 'Buckets', [
        'ContinuationToken',
        'ContinuationToken',
      ])) {
        const name = text(bucket, 'Name');
        // A bucket of another region, or without tags.
        const tags = await bucketTags(ask, name).catch(() => []);
        found.push({ arn: `arn:aws:s3:::${name}`, type: 's3:bucket', tags });
      }
      return found;
    },
    async tag(ask, arn, tags) {
      const Bucket = arn.slice('arn:aws:s3:::'.length);
      const names = new Set(tags.map(({ Key }) => Key));
      const TagSet = [...(await bucketTags(ask, Bucket)).filter(({ Key }) => !names.has(Key)), ...tags];
      await ask('PutBucketTagging', { Bucket, Tagging: { TagSet } });
    },
    async untag(ask, arn, keys) {
      const Bucket = arn.slice('arn:aws:s3:::'.length);
      const TagSet = (await bucketTags(ask, Bucket)).filter(({ Key }) => !keys.includes(Key));
      await (TagSet.length > 0
        ? ask('PutBucketTagging', { Bucket, Tagging: { TagSet } })
        : ask('DeleteBucketTagging', { Bucket }));
    },
  },
  kms: {
    async list(ask) {
      const found: TaggedResource[] = [];
      for (const key of await everyPage(ask, 'ListKeys', 'Keys', ['Marker', 'NextMarker'])) {
        const KeyId = text(key, 'KeyId');
        // Keys whose policy shuts the account out, and AWS's own, show no tags.
        const tags = await everyPage(ask, 'ListResourceTags', 'Tags', ['Marker', 'NextMarker'], {
          KeyId,
        }).catch(() => []);
        const own = tags.map((tag) => ({ Key: text(tag, 'TagKey'), Value: text(tag, 'TagValue') }));
        found.push({ arn: text(key, 'KeyArn'), type: 'kms:key', tags: own });
      }
      return found;
    },
    async tag(ask, KeyId, tags) {
      await ask('TagResource', {
        KeyId,
        Tags: tags.map(({ Key, Value }) => ({ TagKey: Key, TagValue: Value })),
      });
    },
    async untag(ask, KeyId, TagKeys) {
      await ask('UntagResource', { KeyId, TagKeys });
    },
  },
  secretsmanager: {
    async list(ask) {
      const secrets = await everyPage(ask, 'ListSecrets', 'SecretList', NEXT_TOKEN);
      return secrets.map((secret) => ({
        ...{ arn: text(secret, 'ARN'), type: 'secretsmanager:secret', tags: tagsIn(secret, 'Tags') },
      }));
    },
    async tag(ask, SecretId, Tags) {
      await ask('TagResource', { SecretId, Tags });
    },
    async untag(ask, SecretId, TagKeys) {
      await ask('UntagResource', { SecretId, TagKeys });
    },
  },
  sns: {
    async list(ask) {
      const found: TaggedResource[] = [];
      for (const topic of await everyPage(ask, 'ListTopics', 'Topics', NEXT_TOKEN)) {
        const arn = text(topic, 'TopicArn');
        const tags = await ask('ListTagsForResource', { ResourceArn: arn });
        found.push({ arn, type: 'sns:topic', tags: tagsIn(tags, 'Tags') });
      }
      return found;
    },
    async tag(ask, ResourceArn, Tags) {
      await ask('TagResource', { ResourceArn, Tags });
    },
    async untag(ask, ResourceArn, TagKeys) {
      await ask('UntagResource', { ResourceArn, TagKeys });
    },
  },
  backup: {
    async list(ask) {
      const found: TaggedResource[] = [];
      const record = async (arn: string, type: string): Promise<void> => {
        const { Tags = {} } = (await ask('ListTags', { ResourceArn: arn }).catch(() => ({}))) as {
          Tags?: Record<string, string>;
        };
        found.push({ arn, type, tags: Object.entries(Tags).map(([Key, Value]) => ({ Key, Value })) });
      };
      for (const vault of await everyPage(ask, 'ListBackupVaults', 'BackupVaultList', NEXT_TOKEN))
        await record(text(vault, 'BackupVaultArn'), 'backup:backup-vault');
      return found;
    },
    async tag(ask, ResourceArn, tags) {
      await ask('TagResource', {
        ResourceArn,
        Tags: Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])),
      });
    },
    async untag(ask, ResourceArn, TagKeyList) {
      await ask('UntagResource', { ResourceArn, TagKeyList });
    },
  },
  ec2: {
    async list(ask) {
      const found = new Map<string, TaggedResource>();
      for (const tag of await everyPage(ask, 'DescribeTags', 'Tags', NEXT_TOKEN)) {
        const [id, type] = [text(tag, 'ResourceId'), text(tag, 'ResourceType')];
        const tags = [...(found.get(id)?.tags ?? []), { Key: text(tag, 'Key'), Value: text(tag, 'Value') }];
        // The tagging service fills in account and region.
        found.set(id, { arn: `${type}/${id}`, type: `ec2:${type}`, tags });
      }
      return [...found.values()];
    },
    async tag(ask, arn, Tags) {
      await ask('CreateTags', { Resources: [idOf(arn)], Tags });
    },
    async untag(ask, arn, keys) {
      await ask('DeleteTags', { Resources: [idOf(arn)], Tags: keys.map((Key) => ({ Key })) });
    },
  },
};

async function bucketTags(ask: Parameters<Taggable['list']>[0], Bucket: string): Promise<Tag[]> {
  try {
    return tagsIn(await ask('GetBucketTagging', { Bucket }), 'TagSet');
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'NoSuchTagSet') return [];
    throw err;
  }
}

function idOf(arn: string): string {
  return arn.split('/').at(-1) ?? '';
}
