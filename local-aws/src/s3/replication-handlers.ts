import type * as S3 from '@aws-sdk/client-s3';
import { notImplemented } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { s3Error } from './errors.ts';
import { readReplication } from './replication-rules.ts';
import type { Replicator } from './replicator.ts';

export function replicationHandlers(
  { store, authorizer }: S3Parts,
  access: S3Access,
  replicator: Replicator,
) {
  return {
    async PutBucketReplication(input, call) {
      const bucket = access.bucket(call, input, 's3:PutReplicationConfiguration');
      if (input.Token !== undefined) throw notImplemented('s3', 'PutBucketReplication with Token');
      for (const rule of input.ReplicationConfiguration?.Rules ?? []) {
        if (rule.SourceSelectionCriteria?.ReplicaModifications?.Status === 'Enabled')
          throw notImplemented('s3', 'replication of changes to replicas (ReplicaModifications)');
        if (rule.Destination?.AccessControlTranslation && rule.Destination.Account === undefined)
          throw s3Error('InvalidRequest', 400, 'Account must be specified when AccessControlTranslation is.');
      }
      const replication = readReplication(input.ReplicationConfiguration, bucket, (name) =>
        store.buckets.get(name),
      );
      authorizer.authorize(call, 'iam:PassRole', replication.roleArn, {
        'iam:PassedToService': 's3.amazonaws.com',
      });
      await store.changeBucket(bucket, { replication });
      await replicator.takeExisting(bucket.name);
      return {};
    },
    async GetBucketReplication(input, call) {
      const { replication, name } = access.bucket(call, input, 's3:GetReplicationConfiguration');
      if (!replication)
        throw s3Error(
          'ReplicationConfigurationNotFoundError',
          404,
          'The replication configuration was not found',
          { BucketName: name },
        );
      const Rules = replication.rules.map(({ shown }) => shown);
      return { ReplicationConfiguration: { Role: replication.roleArn, Rules } };
    },
    async DeleteBucketReplication(input, call) {
      const bucket = access.bucket(call, input, 's3:PutReplicationConfiguration');
      await store.changeBucket(bucket, { replication: undefined });
      return {};
    },
  } satisfies Handlers<typeof S3>;
}
