import * as KMS from '@aws-sdk/client-kms';
import type { Call, Handlers } from '../wire/handlers.ts';
import { paged, requireEnabled, unsupported, validation, type KmsContext } from './context.ts';
import { afterDays, type KeyRecord } from './keys.ts';

const USUAL_DAYS = 365;
const ON_DEMAND_LIMIT = 25;

/** New material by the clock or on demand; what was encrypted before still decrypts. */
export function rotationHandlers(context: KmsContext): Handlers<typeof KMS> {
  const { ring, clock } = context;
  const rotatable = (KeyId: string | undefined, call: Call): KeyRecord => {
    const key = context.changeable(KeyId, call, `kms:${call.operation}`);
    requireEnabled(key);
    if (key.spec !== 'SYMMETRIC_DEFAULT')
      throw unsupported(
        `The request is rejected because ${call.operation} is not supported for asymmetric KMS keys: ${key.arn}.`,
      );
    if (key.primaryRegion !== undefined && key.primaryRegion !== key.region)
      throw unsupported(`${key.arn} is a replica: rotate its primary key in ${key.primaryRegion}.`);
    return key;
  };
  return {
    async EnableKeyRotation({ KeyId, RotationPeriodInDays }, call) {
      const key = rotatable(KeyId, call);
      const rotationDays = RotationPeriodInDays ?? key.rotationDays ?? USUAL_DAYS;
      if (rotationDays < 90 || rotationDays > 2560)
        throw validation(`RotationPeriodInDays must be between 90 and 2560, not ${rotationDays}.`);
      await ring.put({
        ...key,
        rotation: true,
        rotationDays,
        nextRotationAt: afterDays(clock, rotationDays),
      });
      return {};
    },
    async DisableKeyRotation({ KeyId }, call) {
      await ring.put({ ...rotatable(KeyId, call), rotation: false, nextRotationAt: undefined });
      return {};
    },
    async GetKeyRotationStatus({ KeyId }, call) {
      const key = context.keyFor(KeyId, call, 'kms:GetKeyRotationStatus');
      return {
        KeyRotationEnabled: key.rotation && key.deletionAt === undefined,
        KeyId: key.arn,
        ...(key.rotation ? { RotationPeriodInDays: key.rotationDays ?? USUAL_DAYS } : {}),
        ...(key.rotation && key.nextRotationAt !== undefined
          ? { NextRotationDate: new Date(key.nextRotationAt) }
          : {}),
      };
    },
    async RotateKeyOnDemand({ KeyId }, call) {
      const key = rotatable(KeyId, call);
      if ((key.retired ?? []).filter(({ cause }) => cause === 'ON_DEMAND').length >= ON_DEMAND_LIMIT)
        throw new KMS.LimitExceededException({
          message: `A key can be rotated on demand at most ${ON_DEMAND_LIMIT} times.`,
          $metadata: {},
        });
      await ring.rotate(key, 'ON_DEMAND');
      return { KeyId: key.arn };
    },
    async ListKeyRotations({ KeyId, ...paging }, call) {
      const key = context.own(KeyId, call, 'kms:ListKeyRotations');
      const { items, ...rest } = paged(key.retired ?? [], ({ rotatedAt }) => rotatedAt, paging);
      return {
        Rotations: items.map(({ rotatedAt, cause }) => ({
          ...{ KeyId: key.arn, RotationDate: new Date(rotatedAt), RotationType: cause },
        })),
        ...rest,
      };
    },
  };
}
