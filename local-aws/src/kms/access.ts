import type { Authorizer } from '../auth/authorize.ts';
import { KeyNotUsable, type KeyAccess } from '../platform.ts';
import { grantFor } from './grants.ts';
import { describeKey, stateOf, type KeyRing } from './keys.ts';

const DEFAULT_ACTIONS = ['kms:DescribeKey', 'kms:CreateGrant'];

/** KMS as other services use it from inside: key state, key policy and the caller's own policies decide. */
export function createKeyAccess(ring: KeyRing, decide: Authorizer['decide']): KeyAccess {
  return {
    describe(reference, where) {
      const key = ring.find(reference, where);
      return key && describeKey(key);
    },
    async managed(service, where) {
      return describeKey(await ring.managed(service, where));
    },
    requireUsable(reference, call, actions = DEFAULT_ACTIONS) {
      const key = ring.find(reference, call);
      if (!key) throw new KeyNotUsable('not-found', reference, `The KMS key ${reference} does not exist.`);
      // The service itself works under an AWS-managed key for callers of its account.
      const ownManaged = key.manager === 'AWS' && key.accountId === call.accountId;
      if (key.manager === 'AWS' && !ownManaged) {
        throw new KeyNotUsable(
          'denied',
          reference,
          `The AWS managed key ${key.arn} cannot be used from another account.`,
        );
      }
      for (const action of ownManaged ? [] : actions) {
        const granted = grantFor(ring, key, call, action.slice('kms:'.length), undefined);
        const options = {
          resourcePolicy: key.policy,
          ownerAccountId: key.accountId,
          resourcePolicyRequired: true,
          ...(granted ? { granted: `grant ${granted.id}` } : {}),
        };
        const viaService = `${call.service}.${call.region}.amazonaws.com`;
        const context = {
          'kms:ViaService': viaService,
          'kms:CallerAccount': call.accountId,
          'kms:GrantIsForAWSResource': 'true',
          'aws:ViaAWSService': 'true',
          'aws:CalledVia': [`${call.service}.amazonaws.com`],
          ...Object.fromEntries(
            key.tags.map(({ TagKey, TagValue }) => [`aws:ResourceTag/${TagKey}`, TagValue]),
          ),
        };
        const { allowed, why } = decide(call, action, key.arn, context, options);
        if (!allowed)
          throw new KeyNotUsable(
            'denied',
            reference,
            `${call.principalArn} may not ${action} on ${key.arn} ${why}.`,
          );
      }
      const state = stateOf(key);
      if (state === 'Disabled') throw new KeyNotUsable('disabled', reference, `${key.arn} is disabled.`);
      if (state === 'PendingDeletion')
        throw new KeyNotUsable('pending-deletion', reference, `${key.arn} is pending deletion.`);
      return describeKey(key);
    },
  };
}
