import * as EC2 from '@aws-sdk/client-ec2';
import * as IAM from '@aws-sdk/client-iam';
import * as KMS from '@aws-sdk/client-kms';
import * as Tagging from '@aws-sdk/client-resource-groups-tagging-api';
import * as S3 from '@aws-sdk/client-s3';
import * as SM from '@aws-sdk/client-secrets-manager';
import * as SNS from '@aws-sdk/client-sns';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Laboratory, policy, PRODUCTION, VAULT, type Credentials } from './support/local-aws.ts';

let lab: Laboratory;
let key: string;
let topic: string;
let secret: string;
const bucket = 'arn:aws:s3:::tagging-bucket-1';

const client = (credentials?: Credentials) =>
  new Tagging.ResourceGroupsTaggingAPIClient(lab.config(credentials));
const find = async (input: Tagging.GetResourcesCommandInput = {}, credentials?: Credentials) =>
  (await client(credentials).send(new Tagging.GetResourcesCommand(input))).ResourceTagMappingList!;

beforeAll(async () => {
  lab = await Laboratory.start();
  key = (await lab.kms().send(new KMS.CreateKeyCommand({}))).KeyMetadata!.Arn!;
  topic = (await new SNS.SNSClient(lab.config()).send(new SNS.CreateTopicCommand({ Name: 'tagged' })))
    .TopicArn!;
  secret = (await lab.secrets().send(new SM.CreateSecretCommand({ Name: 'tagged', SecretString: 'x' }))).ARN!;
  const CreateBucketConfiguration = { LocationConstraint: 'eu-central-1' as const };
  await lab.s3().send(new S3.CreateBucketCommand({ Bucket: 'tagging-bucket-1', CreateBucketConfiguration }));
});
afterAll(() => lab.close());

test('tags are set across services, found by filters and taken away again', async () => {
  const VpcId = (await lab.ec2().send(new EC2.CreateVpcCommand({ CidrBlock: '10.70.0.0/16' }))).Vpc!.VpcId!;
  const vpc = `arn:aws:ec2:eu-central-1:${PRODUCTION}:vpc/${VpcId}`;
  const ResourceARNList = [key, topic, secret, bucket, vpc];
  const Tags = { 'drv:protect': 'true', team: 'backup' };
  const { FailedResourcesMap } = await client().send(
    new Tagging.TagResourcesCommand({ ResourceARNList, Tags }),
  );
  expect(FailedResourcesMap).toEqual({});
  const protectedOnes = { TagFilters: [{ Key: 'drv:protect', Values: ['true'] }] };
  expect((await find(protectedOnes)).map(({ ResourceARN }) => ResourceARN)).toEqual(
    [...ResourceARNList].sort(),
  );
  const [onlyTopic] = await find({ ...protectedOnes, ResourceTypeFilters: ['sns'] });
  expect(onlyTopic).toEqual({
    ResourceARN: topic,
    Tags: expect.arrayContaining([{ Key: 'team', Value: 'backup' }]),
  });
  expect(await find({ TagFilters: [{ Key: 'team', Values: ['web'] }] })).toEqual([]);
  const seen: string[] = [];
  for await (const page of Tagging.paginateGetResources({ client: client(), pageSize: 2 }, protectedOnes))
    seen.push(...page.ResourceTagMappingList!.map(({ ResourceARN }) => ResourceARN!));
  expect(seen).toEqual([...ResourceARNList].sort());
  expect((await client().send(new Tagging.GetTagKeysCommand({}))).TagKeys).toEqual(['drv:protect', 'team']);
  expect((await client().send(new Tagging.GetTagValuesCommand({ Key: 'team' }))).TagValues).toEqual([
    'backup',
  ]);
  await client().send(new Tagging.UntagResourcesCommand({ ResourceARNList, TagKeys: ['drv:protect'] }));
  expect(await find(protectedOnes)).toEqual([]);
  expect(await find({}, lab.admin(VAULT))).toEqual([]);
});

test('what cannot be tagged is named, and the rest is', async () => {
  const gone = `${topic}-gone`;
  const { FailedResourcesMap } = await client().send(
    new Tagging.TagResourcesCommand({ ResourceARNList: [topic, gone], Tags: { a: 'b' } }),
  );
  expect(Object.keys(FailedResourcesMap!)).toEqual([gone]);
  expect((await find({ TagFilters: [{ Key: 'a' }] })).map(({ ResourceARN }) => ResourceARN)).toEqual([topic]);
});

test('tagging needs the right to tag in the service itself', async () => {
  const trust = { Effect: 'Allow', Principal: { AWS: PRODUCTION }, Action: 'sts:AssumeRole' };
  const { Role } = await lab
    .iam()
    .send(new IAM.CreateRoleCommand({ RoleName: 'tagger', AssumeRolePolicyDocument: policy(trust) }));
  const PolicyDocument = policy({ Effect: 'Allow', Action: ['tag:*', 'sns:TagResource'], Resource: '*' });
  await lab.iam().send(new IAM.PutRolePolicyCommand({ RoleName: 'tagger', PolicyName: 'p', PolicyDocument }));
  const session = await lab.assume(Role!.Arn!);
  const { FailedResourcesMap } = await client(session).send(
    new Tagging.TagResourcesCommand({ ResourceARNList: [topic, secret], Tags: { by: 'tagger' } }),
  );
  expect(FailedResourcesMap).toEqual({
    [secret]: expect.objectContaining({ ErrorMessage: expect.stringContaining('not authorized') }),
  });
  expect(await find({ TagFilters: [{ Key: 'by' }] }, session)).toHaveLength(1);
});
