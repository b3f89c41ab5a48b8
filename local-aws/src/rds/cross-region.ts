import type { ConditionContext, Place, Platform } from '../platform.ts';
import { accessDenied } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';

const SERVICE_ROLE = 'AWSServiceRoleForRDS';

interface RemoteAction {
  readonly action: string;
  /** Where it is to be done. */
  readonly source: Place;
  readonly sourceArn: string;
  /** What the action itself has as condition keys. */
  readonly context: ConditionContext;
}

/**
 * For what is fetched from another region RDS asks there in the caller's name, and needs its own role: policies that bind callers
 * to regions, or forbid what services do for them, are met there. @throws AccessDenied
 */
export function requireOtherRegion(
  platform: Platform,
  call: Call,
  { action, source, sourceArn, context }: RemoteAction,
): void {
  if (source.region === call.region) return;
  platform.authorize(
    call,
    action,
    sourceArn,
    {
      ...context,
      'aws:RequestedRegion': source.region,
      'aws:ViaAWSService': 'true',
      'aws:CalledVia': ['rds.amazonaws.com'],
      'aws:CalledViaFirst': 'rds.amazonaws.com',
      'aws:CalledViaLast': 'rds.amazonaws.com',
    },
    { ownerAccountId: call.accountId },
  );
  if (platform.roles.lacksServiceLinked(call.accountId, SERVICE_ROLE))
    throw accessDenied(
      'rds',
      `User: arn:aws:sts::${call.accountId}:assumed-role/${SERVICE_ROLE}/rds is not authorized to perform: rds:CrossRegionCommunication on resource: ${sourceArn} because the service-linked role ${SERVICE_ROLE} does not exist`,
    );
}
