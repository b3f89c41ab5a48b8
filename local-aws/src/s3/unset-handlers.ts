import type * as S3 from '@aws-sdk/client-s3';
import { notImplemented } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { BucketInput, S3Access } from './access.ts';
import { malformedXml, s3Error } from './errors.ts';

/**
 * Configurations that cannot be set here: reading says what S3 says of a bucket that has none, taking them away
 * succeeds, and setting one answers 501, unless what is set is the default.
 */
export function unsetHandlers(access: S3Access) {
  const bucket = (call: Call, input: BucketInput, action: string): string =>
    access.bucket(call, input, action).name;
  const none = (code: string, message: string, BucketName: string): Error =>
    s3Error(code, 404, message, { BucketName });
  const noConfiguration = (name: string): Error =>
    none('NoSuchConfiguration', 'The specified configuration does not exist.', name);
  const gone = (action: string) => async (input: BucketInput, call: Call) => {
    bucket(call, input, action);
    return {};
  };
  const missing = (action: string) => async (input: BucketInput, call: Call) => {
    throw noConfiguration(bucket(call, input, action));
  };

  return {
    async GetBucketCors(input, call) {
      const name = bucket(call, input, 's3:GetBucketCORS');
      throw none('NoSuchCORSConfiguration', 'The CORS configuration does not exist', name);
    },
    DeleteBucketCors: gone('s3:PutBucketCORS'),
    async GetBucketWebsite(input, call) {
      const name = bucket(call, input, 's3:GetBucketWebsite');
      throw none(
        'NoSuchWebsiteConfiguration',
        'The specified bucket does not have a website configuration',
        name,
      );
    },
    DeleteBucketWebsite: gone('s3:DeleteBucketWebsite'),
    GetBucketLogging: gone('s3:GetBucketLogging'),
    async PutBucketLogging(input, call) {
      bucket(call, input, 's3:PutBucketLogging');
      if (input.BucketLoggingStatus?.LoggingEnabled) throw notImplemented('s3', 'server access logs');
      return {};
    },
    GetBucketNotificationConfiguration: gone('s3:GetBucketNotification'),
    async PutBucketNotificationConfiguration(input, call) {
      bucket(call, input, 's3:PutBucketNotification');
      if (Object.values(input.NotificationConfiguration ?? {}).some((part) => part !== undefined))
        throw notImplemented('s3', 'notifications of events');
      return {};
    },
    async GetBucketRequestPayment(input, call) {
      bucket(call, input, 's3:GetBucketRequestPayment');
      return { Payer: 'BucketOwner' as const };
    },
    async PutBucketRequestPayment(input, call) {
      bucket(call, input, 's3:PutBucketRequestPayment');
      const payer = input.RequestPaymentConfiguration?.Payer;
      if (payer === 'Requester') throw notImplemented('s3', 'buckets for which the requester pays');
      if (payer !== 'BucketOwner') throw malformedXml();
      return {};
    },
    GetBucketAccelerateConfiguration: gone('s3:GetAccelerateConfiguration'),
    GetBucketInventoryConfiguration: missing('s3:GetInventoryConfiguration'),
    ListBucketInventoryConfigurations: async (input, call) => {
      bucket(call, input, 's3:GetInventoryConfiguration');
      return { IsTruncated: false };
    },
    DeleteBucketInventoryConfiguration: missing('s3:PutInventoryConfiguration'),
    GetBucketAnalyticsConfiguration: missing('s3:GetAnalyticsConfiguration'),
    ListBucketAnalyticsConfigurations: async (input, call) => {
      bucket(call, input, 's3:GetAnalyticsConfiguration');
      return { IsTruncated: false };
    },
    DeleteBucketAnalyticsConfiguration: missing('s3:PutAnalyticsConfiguration'),
    GetBucketMetricsConfiguration: missing('s3:GetMetricsConfiguration'),
    ListBucketMetricsConfigurations: async (input, call) => {
      bucket(call, input, 's3:GetMetricsConfiguration');
      return { IsTruncated: false };
    },
    DeleteBucketMetricsConfiguration: missing('s3:PutMetricsConfiguration'),
    GetBucketIntelligentTieringConfiguration: missing('s3:GetIntelligentTieringConfiguration'),
    ListBucketIntelligentTieringConfigurations: async (input, call) => {
      bucket(call, input, 's3:GetIntelligentTieringConfiguration');
      return { IsTruncated: false };
    },
    DeleteBucketIntelligentTieringConfiguration: missing('s3:PutIntelligentTieringConfiguration'),
  } satisfies Handlers<typeof S3>;
}
