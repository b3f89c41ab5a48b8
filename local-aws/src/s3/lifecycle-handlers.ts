import type * as S3 from '@aws-sdk/client-s3';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { s3Error } from './errors.ts';
import { readLifecycle } from './lifecycle-rules.ts';

export function lifecycleHandlers({ store }: S3Parts, access: S3Access) {
  return {
    async PutBucketLifecycleConfiguration(input, call) {
      const lifecycle = readLifecycle(input.LifecycleConfiguration, input.TransitionDefaultMinimumObjectSize);
      const bucket = access.bucket(call, input, 's3:PutLifecycleConfiguration');
      await store.changeBucket(bucket, { lifecycle });
      return {
        TransitionDefaultMinimumObjectSize:
          lifecycle.transitionMinimum as S3.TransitionDefaultMinimumObjectSize,
      };
    },
    async GetBucketLifecycleConfiguration(input, call) {
      const { lifecycle, name } = access.bucket(call, input, 's3:GetLifecycleConfiguration');
      if (!lifecycle)
        throw s3Error('NoSuchLifecycleConfiguration', 404, 'The lifecycle configuration does not exist', {
          BucketName: name,
        });
      return {
        Rules: lifecycle.rules.map(({ shown }) => withDates(shown)),
        TransitionDefaultMinimumObjectSize:
          lifecycle.transitionMinimum as S3.TransitionDefaultMinimumObjectSize,
      };
    },
    async DeleteBucketLifecycle(input, call) {
      const bucket = access.bucket(call, input, 's3:PutLifecycleConfiguration');
      await store.changeBucket(bucket, { lifecycle: undefined });
      return {};
    },
  } satisfies Handlers<typeof S3>;
}

/** The journal keeps dates as text. */
function withDates(rule: S3.LifecycleRule): S3.LifecycleRule {
  const { Expiration, Transitions } = rule;
  return {
    ...rule,
    ...(Expiration?.Date ? { Expiration: { ...Expiration, Date: new Date(Expiration.Date) } } : {}),
    ...(Transitions
      ? {
          Transitions: Transitions.map((each) => (each.Date ? { ...each, Date: new Date(each.Date) } : each)),
        }
      : {}),
  };
}
