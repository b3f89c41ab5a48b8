import type * as S3 from '@aws-sdk/client-s3';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { checkTags } from './content.ts';
import { malformedXml, s3Error } from './errors.ts';
import { findVersion, versionContext, versionHeader } from './read-handlers.ts';

interface ObjectInput {
  readonly Bucket?: string | undefined;
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly ExpectedBucketOwner?: string | undefined;
}

const MAX_BUCKET_TAGS = 50;
const MAX_OBJECT_TAGS = 10;

export function taggingHandlers(parts: S3Parts, access: S3Access) {
  const { store } = parts;
  const object = (input: ObjectInput, call: Call, verb: 'Put' | 'Get' | 'Delete') => {
    const { Key: key = '', VersionId: versionId } = input;
    const action = `s3:${verb}Object${versionId === undefined ? '' : 'Version'}Tagging`;
    const bucket = access.bucket(call, input, action, key, versionContext(versionId));
    return findVersion(parts, access, call, bucket, key, versionId);
  };

  return {
    async PutBucketTagging(input, call) {
      if (!input.Tagging?.TagSet) throw malformedXml();
      const tags = checkTags(input.Tagging.TagSet, MAX_BUCKET_TAGS);
      await store.changeBucket(access.bucket(call, input, 's3:PutBucketTagging'), { tags });
      return {};
    },
    async GetBucketTagging(input, call) {
      const { tags, name } = access.bucket(call, input, 's3:GetBucketTagging');
      if (tags.length === 0)
        throw s3Error('NoSuchTagSet', 404, 'The TagSet does not exist', { BucketName: name });
      return { TagSet: [...tags] };
    },
    async DeleteBucketTagging(input, call) {
      await store.changeBucket(access.bucket(call, input, 's3:PutBucketTagging'), { tags: [] });
      return {};
    },
    async PutObjectTagging(input, call) {
      if (!input.Tagging?.TagSet) throw malformedXml();
      const tags = checkTags(input.Tagging.TagSet, MAX_OBJECT_TAGS);
      const version = object(input, call, 'Put');
      await store.update({ ...version, tags });
      return versionHeader(version);
    },
    async GetObjectTagging(input, call) {
      const version = object(input, call, 'Get');
      return { TagSet: [...version.tags], ...versionHeader(version) };
    },
    async DeleteObjectTagging(input, call) {
      const version = object(input, call, 'Delete');
      await store.update({ ...version, tags: [] });
      return versionHeader(version);
    },
  } satisfies Handlers<typeof S3>;
}
