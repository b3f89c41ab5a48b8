import * as SM from '@aws-sdk/client-secrets-manager';
import type { Authorizer } from '../auth/authorize.ts';
import { KeyNotUsable, type Clock, type KeyAccess } from '../platform.ts';
import { notImplemented, refuseMembers } from '../wire/errors.ts';
import { defineService, type Call, type Service } from '../wire/handlers.ts';
import { pageBy } from '../paging.ts';
import { checkPolicy, fits, randomPassword } from './inputs.ts';
import { newVersion, type SecretRecord, type SecretStore, type SecretVersion } from './secrets.ts';

export interface SecretsParts {
  readonly store: SecretStore;
  readonly keys: KeyAccess;
  readonly clock: Clock;
  readonly authorize: Authorizer['authorize'];
}

const DAY_MS = 86_400_000;

export function secretsService({ store, keys, clock, authorize }: SecretsParts): Service {
  const existing = (reference = '', call: Call, action: string): SecretRecord => {
    const secret = store.find(reference, call);
    const named = `arn:aws:secretsmanager:${call.region}:${call.accountId}:secret:${reference}`;
    const arn = secret?.arn ?? (reference.startsWith('arn:') ? reference : named);
    const context = {
      ...(secret ? { 'secretsmanager:SecretId': secret.arn } : {}),
      ...Object.fromEntries((secret?.tags ?? []).map(({ Key, Value }) => [`aws:ResourceTag/${Key}`, Value])),
    };
    authorize(call, action, arn, context, {
      ownerAccountId: secret?.accountId ?? call.accountId,
      ...(secret?.policy === undefined ? {} : { resourcePolicy: secret.policy }),
    });
    if (!secret)
      throw new SM.ResourceNotFoundException({
        message: "Secrets Manager can't find the specified secret.",
        $metadata: {},
      });
    return secret;
  };
  const alive = (secret: SecretRecord): SecretRecord => {
    if (secret.deletedAt === undefined) return secret;
    throw new SM.InvalidRequestException({
      message: "You can't perform this operation on the secret because it was marked for deletion.",
      $metadata: {},
    });
  };
  const decryptable = (secret: SecretRecord, call: Call): void => {
    if (secret.kmsKeyId === undefined) return;
    try {
      keys.requireUsable(secret.kmsKeyId, call, ['kms:Decrypt']);
    } catch (err) {
      if (!(err instanceof KeyNotUsable)) throw err;
      throw new SM.DecryptionFailure({
        message: `Secrets Manager can't decrypt the secret value: ${err.message}`,
        $metadata: {},
      });
    }
  };

  return defineService({
    name: 'secretsmanager',
    load: () => import('@aws-sdk/client-secrets-manager'),
    handlers: {
      async CreateSecret(input, call) {
        refuseMembers('secretsmanager', 'CreateSecret', input, ['AddReplicaRegions', 'Type']);
        const name = input.Name ?? '';
        authorize(
          call,
          'secretsmanager:CreateSecret',
          `arn:aws:secretsmanager:${call.region}:${call.accountId}:secret:${name}`,
        );
        if (!/^[\w/+=.@!-]{1,512}$/.test(name)) {
          throw new SM.InvalidParameterException({ message: `Invalid name '${name}'.`, $metadata: {} });
        }
        const version = versionOf(input.SecretString, input.SecretBinary, input.ClientRequestToken);
        const known = store.find(name, call);
        if (known) {
          const replay = known.versions.find(({ id }) => id === input.ClientRequestToken);
          if (replay) return { ARN: known.arn, Name: name, VersionId: replay.id };
          throw new SM.ResourceExistsException({
            message: `The operation failed because the secret ${name} already exists.`,
            $metadata: {},
          });
        }
        const kmsKeyId = input.KmsKeyId ?? (await keys.managed('secretsmanager', call)).arn;
        const secret = store.create(call, name, {
          description: input.Description,
          kmsKeyId,
          tags: (input.Tags ?? []).map(({ Key, Value }) => ({ Key: Key ?? '', Value: Value ?? '' })),
          versions: version ? [version] : [],
        });
        await store.put(secret);
        return { ARN: secret.arn, Name: name, VersionId: version?.id };
      },
      async GetSecretValue({ SecretId, VersionId, VersionStage }, call) {
        const secret = alive(existing(SecretId, call, 'secretsmanager:GetSecretValue'));
        const version = pick(secret, VersionId, VersionStage);
        if (!version) {
          const wanted = VersionId ?? VersionStage ?? 'AWSCURRENT';
          throw new SM.ResourceNotFoundException({
            message: `Secrets Manager can't find the specified secret value for: ${wanted}`,
            $metadata: {},
          });
        }
        decryptable(secret, call);
        return {
          ARN: secret.arn,
          Name: secret.name,
          VersionId: version.id,
          VersionStages: stagesOf(secret, version),
          CreatedDate: new Date(version.createdAt),
          SecretString: version.text,
          SecretBinary: version.binary === undefined ? undefined : Buffer.from(version.binary, 'base64'),
        };
      },
      async PutSecretValue(input, call) {
        refuseMembers('secretsmanager', 'PutSecretValue', input, ['VersionStages', 'RotationToken']);
        const secret = alive(existing(input.SecretId, call, 'secretsmanager:PutSecretValue'));
        const version = versionOf(input.SecretString, input.SecretBinary, input.ClientRequestToken);
        if (!version)
          throw new SM.InvalidRequestException({
            message: 'You must provide either SecretString or SecretBinary.',
            $metadata: {},
          });
        decryptable(secret, call);
        const replay = repeated(secret, version);
        if (replay) return replay;
        await store.put({
          ...secret,
          versions: [version, ...secret.versions].slice(0, 2),
          changedAt: clock.now().toISOString(),
        });
        return { ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: ['AWSCURRENT'] };
      },
      async DescribeSecret({ SecretId }, call) {
        const secret = existing(SecretId, call, 'secretsmanager:DescribeSecret');
        return {
          ...listing(secret),
          VersionIdsToStages: Object.fromEntries(
            secret.versions.map((version) => [version.id, stagesOf(secret, version)]),
          ),
        };
      },
      async ListSecrets(input, call) {
        refuseMembers('secretsmanager', 'ListSecrets', input, ['SortBy']);
        authorize(call, 'secretsmanager:ListSecrets', '*', {}, { ownerAccountId: call.accountId });
        const { Filters = [], MaxResults = 100, NextToken, SortOrder, IncludePlannedDeletion } = input;
        if (MaxResults < 1 || MaxResults > 100)
          throw new SM.InvalidParameterException({
            message: 'MaxResults must be between 1 and 100.',
            $metadata: {},
          });
        const found = store
          .list(call)
          .filter((secret) => secret.deletedAt === undefined || IncludePlannedDeletion === true)
          .filter((secret) => Filters.every((filter) => fits(secret, filter)));
        const refuse = () =>
          new SM.InvalidNextTokenException({ message: 'The NextToken is invalid.', $metadata: {} });
        const byName = ({ name }: SecretRecord): string => name;
        if (SortOrder === 'desc') throw notImplemented('secretsmanager', 'ListSecrets with SortOrder desc');
        const page = pageBy(found, byName, { limit: MaxResults, token: NextToken, refuse });
        return {
          SecretList: page.items.map(listing),
          ...(page.next === undefined ? {} : { NextToken: page.next }),
        };
      },
      async ListSecretVersionIds(input, call) {
        refuseMembers('secretsmanager', 'ListSecretVersionIds', input, ['NextToken', 'IncludeDeprecated']);
        const secret = existing(input.SecretId, call, 'secretsmanager:ListSecretVersionIds');
        const Versions = secret.versions.map((version) => ({
          ...{ VersionId: version.id, VersionStages: stagesOf(secret, version) },
          CreatedDate: new Date(version.createdAt),
        }));
        return { ARN: secret.arn, Name: secret.name, Versions };
      },
      async UpdateSecret(input, call) {
        refuseMembers('secretsmanager', 'UpdateSecret', input, ['Type']);
        const secret = alive(existing(input.SecretId, call, 'secretsmanager:UpdateSecret'));
        const version = versionOf(input.SecretString, input.SecretBinary, input.ClientRequestToken);
        if (input.KmsKeyId !== undefined) decryptable({ ...secret, kmsKeyId: input.KmsKeyId }, call);
        const replay = version && repeated(secret, version);
        await store.put({
          ...secret,
          ...(input.Description === undefined ? {} : { description: input.Description }),
          ...(input.KmsKeyId === undefined ? {} : { kmsKeyId: input.KmsKeyId }),
          ...(version && !replay ? { versions: [version, ...secret.versions].slice(0, 2) } : {}),
          changedAt: clock.now().toISOString(),
        });
        return { ARN: secret.arn, Name: secret.name, ...(version ? { VersionId: version.id } : {}) };
      },
      async GetRandomPassword(input, call) {
        authorize(call, 'secretsmanager:GetRandomPassword', '*', {}, { ownerAccountId: call.accountId });
        return { RandomPassword: randomPassword(input) };
      },
      async GetResourcePolicy({ SecretId }, call) {
        const secret = existing(SecretId, call, 'secretsmanager:GetResourcePolicy');
        return {
          ARN: secret.arn,
          Name: secret.name,
          ...(secret.policy === undefined ? {} : { ResourcePolicy: secret.policy }),
        };
      },
      async PutResourcePolicy({ SecretId, ResourcePolicy = '', BlockPublicPolicy }, call) {
        const secret = alive(existing(SecretId, call, 'secretsmanager:PutResourcePolicy'));
        checkPolicy(ResourcePolicy, BlockPublicPolicy === true);
        await store.put({ ...secret, policy: ResourcePolicy });
        return { ARN: secret.arn, Name: secret.name };
      },
      async DeleteResourcePolicy({ SecretId }, call) {
        const secret = alive(existing(SecretId, call, 'secretsmanager:DeleteResourcePolicy'));
        await store.put({ ...secret, policy: undefined });
        return { ARN: secret.arn, Name: secret.name };
      },
      async UntagResource({ SecretId, TagKeys = [] }, call) {
        const secret = alive(existing(SecretId, call, 'secretsmanager:UntagResource'));
        await store.put({ ...secret, tags: secret.tags.filter(({ Key }) => !TagKeys.includes(Key)) });
        return {};
      },
      async DeleteSecret({ SecretId, ForceDeleteWithoutRecovery, RecoveryWindowInDays }, call) {
        const secret = store.find(SecretId ?? '', call);
        if (!secret && ForceDeleteWithoutRecovery) {
          // As AWS: forced deletion of an unknown secret succeeds.
          const arn = arnWanted(call, SecretId);
          authorize(call, 'secretsmanager:DeleteSecret', arn);
          return { ARN: arn, Name: SecretId, DeletionDate: clock.now() };
        }
        const known = existing(SecretId, call, 'secretsmanager:DeleteSecret');
        if (ForceDeleteWithoutRecovery && RecoveryWindowInDays !== undefined) {
          throw new SM.InvalidParameterException({
            message: 'Give either ForceDeleteWithoutRecovery or RecoveryWindowInDays.',
            $metadata: {},
          });
        }
        if (known.owningService !== undefined) {
          throw new SM.InvalidRequestException({
            message: `The secret is managed by ${known.owningService}; delete its owner instead.`,
            $metadata: {},
          });
        }
        if (ForceDeleteWithoutRecovery) {
          await store.remove(known);
          return { ARN: known.arn, Name: known.name, DeletionDate: clock.now() };
        }
        const days = RecoveryWindowInDays ?? 30;
        if (days < 7 || days > 30)
          throw new SM.InvalidParameterException({
            message: 'RecoveryWindowInDays must be between 7 and 30.',
            $metadata: {},
          });
        const DeletionDate = new Date(clock.now().getTime() + days * DAY_MS);
        await store.put({ ...known, deletedAt: DeletionDate.toISOString() });
        return { ARN: known.arn, Name: known.name, DeletionDate };
      },
      async RestoreSecret({ SecretId }, call) {
        const secret = existing(SecretId, call, 'secretsmanager:RestoreSecret');
        await store.put({ ...secret, deletedAt: undefined });
        return { ARN: secret.arn, Name: secret.name };
      },
      async TagResource({ SecretId, Tags = [] }, call) {
        const secret = alive(existing(SecretId, call, 'secretsmanager:TagResource'));
        const added = new Map(Tags.map(({ Key, Value }) => [Key ?? '', Value ?? '']));
        const kept = secret.tags.filter(({ Key }) => !added.has(Key));
        await store.put({
          ...secret,
          tags: [...kept, ...[...added].map(([Key, Value]) => ({ Key, Value }))],
        });
        return {};
      },
    },
  });

  function versionOf(
    text: string | undefined,
    binary: Uint8Array | undefined,
    token: string | undefined,
  ): SecretVersion | undefined {
    if (text === undefined && binary === undefined) return undefined;
    if (text !== undefined && binary !== undefined) {
      throw new SM.InvalidParameterException({
        message: 'Give either SecretString or SecretBinary.',
        $metadata: {},
      });
    }
    return newVersion(
      clock,
      text,
      binary === undefined ? undefined : Buffer.from(binary).toString('base64'),
      token,
    );
  }
}

/** The same token again: the same answer for the same value, an error for another one. */
function repeated(secret: SecretRecord, version: SecretVersion): SM.PutSecretValueResponse | undefined {
  const known = secret.versions.find(({ id }) => id === version.id);
  if (!known) return undefined;
  if (known.text !== version.text || known.binary !== version.binary)
    throw new SM.ResourceExistsException({
      message: `You can't use ClientRequestToken ${version.id} because that value is already in use for a version of secret ${secret.arn}.`,
      $metadata: {},
    });
  return { ARN: secret.arn, Name: secret.name, VersionId: known.id, VersionStages: stagesOf(secret, known) };
}

function pick(
  secret: SecretRecord,
  id: string | undefined,
  stage: string | undefined,
): SecretVersion | undefined {
  const byStage = secret.versions[stage === 'AWSPREVIOUS' ? 1 : 0];
  if (id === undefined)
    return stage === undefined || stage === 'AWSCURRENT' || stage === 'AWSPREVIOUS' ? byStage : undefined;
  return secret.versions.find((version) => version.id === id);
}

function stagesOf(secret: SecretRecord, version: SecretVersion): string[] {
  return [secret.versions[0] === version ? 'AWSCURRENT' : 'AWSPREVIOUS'];
}

function listing(secret: SecretRecord): SM.SecretListEntry {
  return {
    ARN: secret.arn,
    Name: secret.name,
    Description: secret.description,
    KmsKeyId: secret.kmsKeyId,
    CreatedDate: new Date(secret.createdAt),
    LastChangedDate: new Date(secret.changedAt),
    Tags: [...secret.tags],
    OwningService: secret.owningService,
    ...(secret.deletedAt === undefined ? {} : { DeletedDate: new Date(secret.deletedAt) }),
  };
}

/** What is asked for when there is no such secret: it may be named by its ARN or by its name. */
function arnWanted(call: Call, reference = ''): string {
  if (reference.startsWith('arn:')) return reference;
  return `arn:aws:secretsmanager:${call.region}:${call.accountId}:secret:${reference}`;
}
