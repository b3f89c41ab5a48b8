import * as KMS from '@aws-sdk/client-kms';
import type { Authorizer } from '../auth/authorize.ts';
import { parsePolicy, PolicyRefused } from '../auth/policy-document.ts';
import { pageBy } from '../paging.ts';
import type { Clock, ConditionContext } from '../platform.ts';
import { accessDenied, awsError } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import { grantFor } from './grants.ts';
import { stateOf, type KeyRecord, type KeyRing } from './keys.ts';
import type { KeyUsage } from './specs.ts';

export interface KmsParts {
  readonly ring: KeyRing;
  readonly clock: Clock;
  readonly authorizer: Authorizer;
}

export type EncryptionContext = Readonly<Record<string, string>> | undefined;

export interface Asked {
  readonly encryptionContext?: EncryptionContext;
  readonly grantTokens?: readonly string[] | undefined;
  readonly context?: ConditionContext;
  readonly dryRun?: boolean | undefined;
}

/** How handlers find keys: by any of their names, with every right checked. */
export class KmsContext {
  readonly ring: KeyRing;
  readonly clock: Clock;
  private readonly authorizer: Authorizer;

  constructor({ ring, clock, authorizer }: KmsParts) {
    this.ring = ring;
    this.clock = clock;
    this.authorizer = authorizer;
  }

  /** Rights that concern no key. */
  permit(call: Call, action: string, context: ConditionContext = {}, resource = '*'): void {
    this.authorizer.authorize(call, action, resource, context, { ownerAccountId: call.accountId });
  }

  /** Finds the key and asks its policy, its grants and IAM. */
  keyFor(reference: string | undefined, call: Call, action: string, asked: Asked = {}): KeyRecord {
    const key = this.find(reference, call);
    const { encryptionContext, grantTokens = [], context = {} } = asked;
    this.checkTokens(grantTokens);
    const operation = action.slice('kms:'.length);
    const granted = grantFor(this.ring, key, call, operation, encryptionContext);
    const conditions = {
      ...this.conditions(key, call, reference ?? ''),
      ...encryptionConditions(encryptionContext),
      ...context,
    };
    this.authorizer.authorize(call, action, key.arn, conditions, {
      ...{ resourcePolicy: key.policy, ownerAccountId: key.accountId, resourcePolicyRequired: true },
      ...(granted ? { granted: `grant ${granted.id}` } : {}),
    });
    return key;
  }

  /** A key that works now, for this usage. */
  usable(
    reference: string | undefined,
    call: Call,
    action: string,
    usage: KeyUsage,
    asked: Asked = {},
  ): KeyRecord {
    const key = this.keyFor(reference, call, action, asked);
    requireEnabled(key);
    if (key.usage !== usage)
      throw new KMS.InvalidKeyUsageException({
        message: `${key.arn} key usage is ${key.usage} which is not valid for ${call.operation}.`,
        $metadata: {},
      });
    dryRun(asked.dryRun);
    return key;
  }

  /** For changes to the key itself, which only its own account may make. */
  own(reference: string | undefined, call: Call, action: string, asked: Asked = {}): KeyRecord {
    const key = this.keyFor(reference, call, action, asked);
    if (key.accountId === call.accountId) return key;
    throw accessDenied(
      'kms',
      `User: ${call.principalArn} is not authorized to perform: ${action} on resource: ${key.arn}`,
    );
  }

  /** As `own`, and not pending deletion. */
  changeable(reference: string | undefined, call: Call, action: string, asked: Asked = {}): KeyRecord {
    const key = this.own(reference, call, action, asked);
    if (stateOf(key) === 'PendingDeletion') throw pendingDeletion(key);
    return key;
  }

  /** @throws MalformedPolicyDocumentException, also when nobody could change the policy again. */
  checkPolicy(text: string, call: Call, bypass: boolean | undefined): void {
    if (text.length > 32_768)
      throw new KMS.LimitExceededException({
        message: 'A key policy can have at most 32768 characters.',
        $metadata: {},
      });
    try {
      parsePolicy(text, 'resource');
    } catch (err) {
      if (!(err instanceof PolicyRefused)) throw err;
      throw new KMS.MalformedPolicyDocumentException({ message: err.message, $metadata: {} });
    }
    if (bypass === true) return;
    const { allowed } = this.authorizer.decide(
      call,
      'kms:PutKeyPolicy',
      '*',
      {},
      {
        ...{ resourcePolicy: text, ownerAccountId: call.accountId, resourcePolicyRequired: true },
      },
    );
    if (!allowed)
      throw new KMS.MalformedPolicyDocumentException({
        message: 'The new key policy will not allow you to update the key policy in the future.',
        $metadata: {},
      });
  }

  private find(reference = '', call: Call): KeyRecord {
    if (reference.startsWith('arn:')) {
      const region = reference.split(':')[3] ?? '';
      if (region !== call.region) throw notFound(`Invalid arn ${region}`);
    } else if (!/^(alias\/[\w/-]+|(mrk-)?[0-9a-f-]+)$/.test(reference)) {
      throw notFound(`Invalid keyId '${reference}'`);
    }
    const key = this.ring.find(reference, call);
    if (key) return key;
    const isAlias = /(^|:)alias\//.test(reference);
    const where = `arn:aws:kms:${call.region}:${call.accountId}:`;
    const arn = reference.startsWith('arn:') ? reference : where + (isAlias ? reference : `key/${reference}`);
    throw notFound(isAlias ? `Alias ${arn} is not found.` : `Key '${arn}' does not exist`);
  }

  private checkTokens(tokens: readonly string[]): void {
    const known = new Set([...this.ring.grants.values()].map(({ token }) => token));
    for (const token of tokens)
      if (!known.has(token) && !token.startsWith(GONE))
        throw new KMS.InvalidGrantTokenException({
          message: 'The provided grant token is invalid.',
          $metadata: {},
        });
  }

  private conditions(key: KeyRecord, call: Call, reference: string): ConditionContext {
    const aliases = [...this.ring.aliases.values()]
      .filter(
        ({ keyId, accountId, region }) =>
          keyId === key.keyId && accountId === key.accountId && region === key.region,
      )
      .map(({ name }) => name);
    const alias = /(?:^|:)(alias\/.*)$/.exec(reference)?.[1];
    return {
      'kms:CallerAccount': call.accountId,
      'kms:KeySpec': key.spec,
      'kms:KeyUsage': key.usage,
      'kms:KeyOrigin': 'AWS_KMS',
      'kms:MultiRegion': String(key.primaryRegion !== undefined),
      ...(aliases.length > 0 ? { 'kms:ResourceAliases': aliases } : {}),
      ...(alias === undefined ? {} : { 'kms:RequestAlias': alias }),
      ...Object.fromEntries(key.tags.map(({ TagKey, TagValue }) => [`aws:ResourceTag/${TagKey}`, TagValue])),
    };
  }
}

/** Every grant token begins so; one whose grant is gone is no error, it only gives nothing any more. */
export const GONE = 'lgt1';

export function encryptionConditions(context: EncryptionContext): ConditionContext {
  const entries = Object.entries(context ?? {});
  return {
    ...Object.fromEntries(entries.map(([key, value]) => [`kms:EncryptionContext:${key}`, value])),
    ...(entries.length > 0 ? { 'kms:EncryptionContextKeys': entries.map(([key]) => key) } : {}),
  };
}

/** KMS's paging: `Marker`, `Limit` 1 to 1000. */
export function paged<T>(
  items: Iterable<T>,
  key: (item: T) => string,
  { Marker, Limit }: { Marker?: string | undefined; Limit?: number | undefined },
  usual = 100,
): { items: T[]; Truncated: boolean; NextMarker?: string } {
  const limit = Limit ?? usual;
  if (limit < 1 || limit > 1000) throw validation('Limit must be between 1 and 1000.');
  const refuse = () =>
    new KMS.InvalidMarkerException({ message: 'Could not deserialize marker.', $metadata: {} });
  const { items: chosen, next } = pageBy(items, key, { limit, token: Marker, refuse });
  return {
    items: chosen,
    Truncated: next !== undefined,
    ...(next === undefined ? {} : { NextMarker: next }),
  };
}

export function dryRun(asked: boolean | undefined): void {
  if (asked === true)
    throw new KMS.DryRunOperationException({
      message: 'The request would have succeeded, but the DryRun option is set.',
      $metadata: {},
    });
}

export function requireEnabled(key: KeyRecord): void {
  const state = stateOf(key);
  if (state === 'Disabled')
    throw new KMS.DisabledException({ message: `${key.arn} is disabled.`, $metadata: {} });
  if (state === 'PendingDeletion') throw pendingDeletion(key);
}

export function pendingDeletion(key: KeyRecord): Error {
  return new KMS.KMSInvalidStateException({ message: `${key.arn} is pending deletion.`, $metadata: {} });
}

export function notFound(message: string): Error {
  return new KMS.NotFoundException({ message, $metadata: {} });
}

export function unsupported(message: string): Error {
  return new KMS.UnsupportedOperationException({ message, $metadata: {} });
}

export function validation(message: string): Error {
  return awsError({ code: 'ValidationException', status: 400, message, service: 'kms' });
}
