import * as KMS from '@aws-sdk/client-kms';
import { notImplemented, refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import { notFound, paged, unsupported, validation, type KmsContext } from './context.ts';
import { stateOf, type KeyRecord } from './keys.ts';
import { isSpec, SPECS, type KeySpec, type KeyUsage } from './specs.ts';

const DAY_MS = 86_400_000;

/** Keys themselves: making, describing, switching off, destroying. */
export function keyHandlers(context: KmsContext): Handlers<typeof KMS> {
  const { ring, clock } = context;
  return {
    async CreateKey(input, call) {
      refuseMembers('kms', 'CreateKey', input, ['CustomKeyStoreId', 'XksKeyId']);
      const spec = specOf(input);
      const usage = usageOf(spec, input.KeyUsage);
      const tags = tagsFrom(input.Tags);
      context.permit(call, 'kms:CreateKey', {
        'kms:KeySpec': spec,
        'kms:KeyUsage': usage,
        'kms:KeyOrigin': 'AWS_KMS',
        'kms:MultiRegion': String(input.MultiRegion ?? false),
        'kms:BypassPolicyLockoutSafetyCheck': String(input.BypassPolicyLockoutSafetyCheck ?? false),
        ...tagConditions(tags),
      });
      if (input.Origin !== undefined && input.Origin !== 'AWS_KMS')
        throw notImplemented('kms', `CreateKey with Origin ${input.Origin}`);
      if (input.Policy !== undefined)
        context.checkPolicy(input.Policy, call, input.BypassPolicyLockoutSafetyCheck);
      const key = await ring.create(call, {
        ...{ spec, usage, tags, policy: input.Policy, description: input.Description ?? '' },
        ...{ manager: 'CUSTOMER', multiRegion: input.MultiRegion === true },
      });
      return { KeyMetadata: metadata(key, ring.replicasOf(key)) };
    },
    async DescribeKey({ KeyId, GrantTokens }, call) {
      const service = /^alias\/aws\/(rds|s3|backup|secretsmanager)$/.exec(KeyId ?? '')?.[1];
      if (service !== undefined) await ring.managed(service, call); // AWS makes its own keys when they are first asked for
      const key = context.keyFor(KeyId, call, 'kms:DescribeKey', { grantTokens: GrantTokens });
      return { KeyMetadata: metadata(key, ring.replicasOf(key)) };
    },
    async ListKeys(paging, call) {
      context.permit(call, 'kms:ListKeys');
      const { items, ...rest } = paged(ring.list(call), ({ keyId }) => keyId, paging);
      return { Keys: items.map(({ keyId, arn }) => ({ KeyId: keyId, KeyArn: arn })), ...rest };
    },
    async UpdateKeyDescription({ KeyId, Description = '' }, call) {
      const key = context.changeable(KeyId, call, 'kms:UpdateKeyDescription');
      await ring.put({ ...key, description: Description });
      return {};
    },
    async EnableKey({ KeyId }, call) {
      await ring.put({ ...context.changeable(KeyId, call, 'kms:EnableKey'), enabled: true });
      return {};
    },
    async DisableKey({ KeyId }, call) {
      await ring.put({ ...context.changeable(KeyId, call, 'kms:DisableKey'), enabled: false });
      return {};
    },
    async ScheduleKeyDeletion({ KeyId, PendingWindowInDays = 30 }, call) {
      const conditions = { 'kms:ScheduleKeyDeletionPendingWindowInDays': String(PendingWindowInDays) };
      const key = context.changeable(KeyId, call, 'kms:ScheduleKeyDeletion', { context: conditions });
      if (PendingWindowInDays < 7 || PendingWindowInDays > 30)
        throw validation(
          `1 validation error detected: Value '${PendingWindowInDays}' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value ${
            PendingWindowInDays < 7 ? 'greater than or equal to 7' : 'less than or equal to 30'
          }`,
        );
      if (key.primaryRegion === key.region && ring.replicasOf(key).length > 0)
        throw notImplemented(
          'kms',
          'ScheduleKeyDeletion of a primary key that has replicas: delete them first',
        );
      const DeletionDate = new Date(clock.now().getTime() + PendingWindowInDays * DAY_MS);
      await ring.put({ ...key, enabled: false, deletionAt: DeletionDate.toISOString() });
      return { KeyId: key.arn, DeletionDate, KeyState: 'PendingDeletion', PendingWindowInDays };
    },
    async CancelKeyDeletion({ KeyId }, call) {
      const key = context.own(KeyId, call, 'kms:CancelKeyDeletion');
      if (stateOf(key) !== 'PendingDeletion')
        throw new KMS.KMSInvalidStateException({
          message: `${key.arn} is not pending deletion.`,
          $metadata: {},
        });
      await ring.put({ ...key, enabled: false, deletionAt: undefined });
      return { KeyId: key.arn };
    },
    async ReplicateKey(input, call) {
      const { KeyId, ReplicaRegion = '', Policy, BypassPolicyLockoutSafetyCheck, Description, Tags } = input;
      const primary = context.changeable(KeyId, call, 'kms:ReplicateKey', {
        context: { 'kms:ReplicaRegion': ReplicaRegion },
      });
      if (primary.primaryRegion !== primary.region)
        throw unsupported(`${primary.arn} is not a multi-Region primary key.`);
      if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(ReplicaRegion) || ReplicaRegion === primary.region)
        throw validation(`'${ReplicaRegion}' is not another Region.`);
      const where = { accountId: primary.accountId, region: ReplicaRegion };
      if (ring.find(primary.keyId, where))
        throw new KMS.AlreadyExistsException({
          message: `Key ${primary.keyId} already exists in ${ReplicaRegion}.`,
          $metadata: {},
        });
      if (Policy !== undefined) context.checkPolicy(Policy, call, BypassPolicyLockoutSafetyCheck);
      const replica: KeyRecord = {
        ...primary,
        ...{ ...where, arn: primary.arn.replace(`:${primary.region}:`, `:${ReplicaRegion}:`) },
        ...{ description: Description ?? '', tags: tagsFrom(Tags), createdAt: clock.now().toISOString() },
        ...(Policy === undefined ? {} : { policy: Policy }),
        ...{ enabled: true, deletionAt: undefined },
      };
      await ring.put(replica);
      return {
        ReplicaKeyMetadata: metadata(replica, ring.replicasOf(replica)),
        ReplicaPolicy: replica.policy,
        ReplicaTags: [...replica.tags],
      };
    },
    async GetKeyPolicy({ KeyId, PolicyName = 'default' }, call) {
      const { policy } = context.own(KeyId, call, 'kms:GetKeyPolicy');
      if (PolicyName !== 'default') throw notFound(`No such policy exists`);
      return { Policy: policy, PolicyName: 'default' };
    },
    async PutKeyPolicy(
      { KeyId, Policy = '', PolicyName = 'default', BypassPolicyLockoutSafetyCheck: bypass },
      call,
    ) {
      const conditions = { 'kms:BypassPolicyLockoutSafetyCheck': String(bypass ?? false) };
      const key = context.changeable(KeyId, call, 'kms:PutKeyPolicy', { context: conditions });
      if (PolicyName !== 'default') throw notFound('No such policy exists');
      context.checkPolicy(Policy, call, bypass);
      await ring.put({ ...key, policy: Policy });
      return {};
    },
    async ListKeyPolicies({ KeyId }, call) {
      context.own(KeyId, call, 'kms:ListKeyPolicies');
      return { PolicyNames: ['default'], Truncated: false };
    },
    async TagResource({ KeyId, Tags = [] }, call) {
      const added = tagsFrom(Tags);
      const key = context.changeable(KeyId, call, 'kms:TagResource', { context: tagConditions(added) });
      const names = new Set(added.map(({ TagKey }) => TagKey));
      const tags = [...key.tags.filter(({ TagKey }) => !names.has(TagKey)), ...added];
      if (tags.length > 50)
        throw new KMS.LimitExceededException({ message: 'A key can have at most 50 tags.', $metadata: {} });
      await ring.put({ ...key, tags });
      return {};
    },
    async UntagResource({ KeyId, TagKeys = [] }, call) {
      const key = context.changeable(KeyId, call, 'kms:UntagResource', {
        context: { 'aws:TagKeys': TagKeys },
      });
      await ring.put({ ...key, tags: key.tags.filter(({ TagKey }) => !TagKeys.includes(TagKey)) });
      return {};
    },
    async ListResourceTags({ KeyId, ...paging }, call) {
      const key = context.own(KeyId, call, 'kms:ListResourceTags');
      const { items, ...rest } = paged(key.tags, ({ TagKey }) => TagKey, paging, 50);
      return { Tags: items, ...rest };
    },
  };
}

// eslint-disable-next-line @typescript-eslint/no-deprecated -- older clients still send it
function specOf({ KeySpec, CustomerMasterKeySpec }: KMS.CreateKeyCommandInput): KeySpec {
  const spec = KeySpec ?? CustomerMasterKeySpec ?? 'SYMMETRIC_DEFAULT';
  if (KeySpec !== undefined && CustomerMasterKeySpec !== undefined)
    throw validation(
      'You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.',
    );
  if (!isSpec(spec)) throw notImplemented('kms', `keys of the spec ${spec}`);
  return spec;
}

function usageOf(spec: KeySpec, asked: string | undefined): KeyUsage {
  const { usages } = SPECS[spec];
  const [usual] = usages;
  if (asked === undefined) {
    if (spec === 'SYMMETRIC_DEFAULT' && usual) return usual;
    throw validation(
      `You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.`,
    );
  }
  const usage = usages.find((each) => each === asked);
  if (usage) return usage;
  if (asked === 'KEY_AGREEMENT') throw notImplemented('kms', 'keys of the usage KEY_AGREEMENT');
  throw validation(`KeyUsage ${asked} is not compatible with KeySpec ${spec}`);
}

function tagsFrom(given: readonly KMS.Tag[] | undefined): { TagKey: string; TagValue: string }[] {
  const tags = (given ?? []).map(({ TagKey = '', TagValue = '' }) => ({ TagKey, TagValue }));
  for (const { TagKey } of tags)
    if (TagKey === '' || /^aws:/i.test(TagKey))
      throw new KMS.TagException({ message: `The tag key '${TagKey}' is invalid.`, $metadata: {} });
  if (new Set(tags.map(({ TagKey }) => TagKey)).size < tags.length)
    throw new KMS.TagException({ message: 'Duplicate tag keys', $metadata: {} });
  return tags;
}

function tagConditions(tags: readonly { TagKey: string; TagValue: string }[]) {
  return {
    ...Object.fromEntries(tags.map(({ TagKey, TagValue }) => [`aws:RequestTag/${TagKey}`, TagValue])),
    ...(tags.length > 0 ? { 'aws:TagKeys': tags.map(({ TagKey }) => TagKey) } : {}),
  };
}

/** @param family the same key in other regions. */
export function metadata(key: KeyRecord, family: readonly KeyRecord[]): KMS.KeyMetadata {
  const state = stateOf(key);
  const { signing, encryption, mac } = SPECS[key.spec];
  return {
    AWSAccountId: key.accountId,
    KeyId: key.keyId,
    Arn: key.arn,
    CreationDate: new Date(key.createdAt),
    Enabled: state === 'Enabled',
    Description: key.description,
    KeyUsage: key.usage,
    KeyState: state,
    Origin: 'AWS_KMS',
    KeyManager: key.manager,
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- AWS still answers with it
    CustomerMasterKeySpec: key.spec,
    KeySpec: key.spec,
    ...(key.deletionAt === undefined ? {} : { DeletionDate: new Date(key.deletionAt) }),
    ...(key.usage === 'SIGN_VERIFY' ? { SigningAlgorithms: [...signing] } : {}),
    ...(key.usage === 'ENCRYPT_DECRYPT' ? { EncryptionAlgorithms: [...encryption] } : {}),
    ...(key.usage === 'GENERATE_VERIFY_MAC' ? { MacAlgorithms: [...mac] } : {}),
    MultiRegion: key.primaryRegion !== undefined,
    ...(key.primaryRegion === undefined ? {} : { MultiRegionConfiguration: regions(key, family) }),
  };
}

function regions(key: KeyRecord, family: readonly KeyRecord[]): KMS.MultiRegionConfiguration {
  const all = [key, ...family].map(({ arn, region }) => ({ Arn: arn, Region: region }));
  const isPrimary = ({ Region }: { Region: string }): boolean => Region === key.primaryRegion;
  return {
    MultiRegionKeyType: key.region === key.primaryRegion ? 'PRIMARY' : 'REPLICA',
    PrimaryKey: all.find(isPrimary),
    ReplicaKeys: all.filter((each) => !isPrimary(each)),
  };
}
