import { KMSKeyNotAccessibleFault } from '@aws-sdk/client-rds';
import { KeyNotUsable, type KeyDescription, type Platform } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import { fault } from './faults.ts';

const AS_RDS = ['kms:DescribeKey', 'kms:CreateGrant'] as const;

/** The key, if the caller may use it for RDS now. @throws KMSKeyNotAccessibleFault */
export function usableKey(platform: Platform, call: Call, keyRef: string): KeyDescription {
  try {
    return platform.keys.requireUsable(keyRef, call, AS_RDS);
  } catch (cause) {
    if (!(cause instanceof KeyNotUsable)) throw cause;
    throw fault(
      KMSKeyNotAccessibleFault,
      `The specified KMS key [${keyRef}] does not exist, is not enabled or you do not have permissions to access it. ${cause.message}`,
    );
  }
}

/** The key for new data: the one asked for, else `aws/rds`. */
export async function keyForNewData(
  platform: Platform,
  call: Call,
  keyRef: string | undefined,
): Promise<string> {
  if (keyRef !== undefined) return usableKey(platform, call, keyRef).arn;
  return (await platform.keys.managed('rds', call)).arn;
}
