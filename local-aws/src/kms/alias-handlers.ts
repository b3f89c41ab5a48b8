import * as KMS from '@aws-sdk/client-kms';
import { accessDenied } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { notFound, paged, pendingDeletion, validation, type KmsContext } from './context.ts';
import { aliasKey, stateOf, type AliasRecord, type KeyRecord } from './keys.ts';

/** Aliases: names that can be pointed at another key. */
export function aliasHandlers(context: KmsContext): Handlers<typeof KMS> {
  const { ring, clock } = context;
  /** An alias needs the right on itself and on the key. */
  const target = (KeyId: string | undefined, call: Call, action: string, name: string): KeyRecord => {
    if (/(^|:)alias\//.test(KeyId ?? '')) throw validation('Aliases must refer to keys. Not aliases');
    context.permit(call, action, {}, aliasArn(call, name));
    const key = context.own(KeyId, call, action);
    if (stateOf(key) === 'PendingDeletion') throw pendingDeletion(key);
    return key;
  };
  const existing = (call: Call, name: string): AliasRecord => {
    const alias = ring.aliases.get(aliasKey(call, name));
    if (!alias) throw notFound(`Alias ${aliasArn(call, name)} is not found.`);
    return alias;
  };
  return {
    async CreateAlias({ AliasName = '', TargetKeyId }, call) {
      checkAliasName(AliasName);
      const { keyId } = target(TargetKeyId, call, 'kms:CreateAlias', AliasName);
      if (ring.aliases.has(aliasKey(call, AliasName)))
        throw new KMS.AlreadyExistsException({
          message: `An alias with the name ${aliasArn(call, AliasName)} already exists`,
          $metadata: {},
        });
      const { accountId, region } = call;
      const createdAt = clock.now().toISOString();
      await ring.aliases.put(aliasKey(call, AliasName), {
        accountId,
        region,
        name: AliasName,
        keyId,
        createdAt,
      });
      return {};
    },
    async UpdateAlias({ AliasName = '', TargetKeyId }, call) {
      checkAliasName(AliasName);
      const key = target(TargetKeyId, call, 'kms:UpdateAlias', AliasName);
      const alias = existing(call, AliasName);
      const before = ring.find(AliasName, call);
      if (before && (before.usage !== key.usage || before.spec.slice(0, 3) !== key.spec.slice(0, 3)))
        throw validation(`Alias ${AliasName} cannot be changed to a key of another type or usage.`);
      await ring.aliases.put(aliasKey(call, AliasName), {
        ...alias,
        ...{ keyId: key.keyId, updatedAt: clock.now().toISOString() },
      });
      return {};
    },
    async DeleteAlias({ AliasName = '' }, call) {
      context.permit(call, 'kms:DeleteAlias', {}, aliasArn(call, AliasName));
      checkAliasName(AliasName);
      const alias = existing(call, AliasName);
      context.own(alias.keyId, call, 'kms:DeleteAlias');
      await ring.aliases.remove(aliasKey(call, AliasName));
      return {};
    },
    async ListAliases({ KeyId, ...paging }, call) {
      context.permit(call, 'kms:ListAliases');
      const wanted = KeyId === undefined ? undefined : context.own(KeyId, call, 'kms:ListAliases').keyId;
      const own = [...ring.aliases.values()].filter(
        ({ accountId, region, keyId }) =>
          accountId === call.accountId &&
          region === call.region &&
          (wanted === undefined || keyId === wanted),
      );
      const { items, ...rest } = paged(own, ({ name }) => name, paging, 50);
      const Aliases = items.map(({ name, keyId, createdAt, updatedAt }) => ({
        AliasName: name,
        AliasArn: aliasArn(call, name),
        TargetKeyId: keyId,
        CreationDate: new Date(createdAt),
        LastUpdatedDate: new Date(updatedAt ?? createdAt),
      }));
      return { Aliases, ...rest };
    },
  };
}

function aliasArn({ region, accountId }: Call, name: string): string {
  return `arn:aws:kms:${region}:${accountId}:${name}`;
}

function checkAliasName(name: string): void {
  if (name.startsWith('alias/aws/'))
    throw accessDenied('kms', 'Aliases that begin with alias/aws/ belong to AWS.');
  if (!name.startsWith('alias/')) throw validation('Invalid identifier. Aliases must begin with alias/');
  if (!/^alias\/[\w/-]{1,250}$/.test(name))
    throw validation(
      `1 validation error detected: Value '${name}' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$`,
    );
}
