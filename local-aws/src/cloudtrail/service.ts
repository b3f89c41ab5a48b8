import * as CloudTrail from '@aws-sdk/client-cloudtrail';
import type { Authorizer } from '../auth/authorize.ts';
import { splitSessionArn } from '../iam/roles.ts';
import { refuseMembers } from '../wire/errors.ts';
import { defineService, type Service } from '../wire/handlers.ts';
import type { Trail, TrailEntry } from './trail.ts';

export interface CloudTrailParts {
  readonly trail: Trail;
  readonly authorize: Authorizer['authorize'];
}

/** The event history. Trails that write to buckets are not here (501). */
export function cloudTrailService({ trail, authorize }: CloudTrailParts): Service {
  return defineService({
    name: 'cloudtrail',
    load: () => import('@aws-sdk/client-cloudtrail'),
    handlers: {
      async LookupEvents(input, call) {
        refuseMembers('cloudtrail', 'LookupEvents', input, ['EventCategory']);
        authorize(call, 'cloudtrail:LookupEvents', '*', {}, { ownerAccountId: call.accountId });
        const { LookupAttributes = [], StartTime, EndTime, MaxResults = 50, NextToken } = input;
        if (LookupAttributes.length > 1)
          throw new CloudTrail.InvalidLookupAttributesException({
            message: 'Only one lookup attribute can be given.',
            $metadata: {},
          });
        if (MaxResults < 1 || MaxResults > 50)
          throw new CloudTrail.InvalidMaxResultsException({
            message: 'MaxResults must be between 1 and 50.',
            $metadata: {},
          });
        if (StartTime && EndTime && StartTime > EndTime)
          throw new CloudTrail.InvalidTimeRangeException({
            message: 'StartTime must be before EndTime.',
            $metadata: {},
          });
        const [attribute] = LookupAttributes;
        const fits = attribute ? matcher(attribute) : () => true;
        const found = trail.list(call.accountId, call.region).filter((entry) => {
          const at = new Date(entry.at);
          return (!StartTime || at >= StartTime) && (!EndTime || at <= EndTime) && fits(entry);
        });
        const from = NextToken === undefined ? 0 : positionAfter(found, NextToken);
        const page = found.slice(from, from + MaxResults);
        const last = page.at(-1);
        const more = last && found.length > from + page.length;
        return { Events: page.map(describe), ...(more ? { NextToken: tokenOf(last) } : {}) };
      },
    },
  });
}

/** A token names the last event given, since new ones come in front of it. */
function tokenOf({ at, id }: TrailEntry): string {
  return Buffer.from(`${at} ${id}`).toString('base64url');
}

function positionAfter(found: readonly TrailEntry[], token: string): number {
  const [at = '', id = ''] = Buffer.from(token, 'base64url').toString('utf8').split(' ');
  if (!/^\d{4}-/.test(at))
    throw new CloudTrail.InvalidNextTokenException({ message: 'The token is not valid.', $metadata: {} });
  const index = found.findIndex((entry) => entry.id === id);
  if (index !== -1) return index + 1;
  // Gone meanwhile: go on with what is older.
  const older = found.findIndex((entry) => entry.at < at);
  return older === -1 ? found.length : older;
}

function matcher({
  AttributeKey,
  AttributeValue = '',
}: CloudTrail.LookupAttribute): (entry: TrailEntry) => boolean {
  const read: Readonly<Record<string, (entry: TrailEntry) => readonly (string | undefined)[]>> = {
    EventId: ({ id }) => [id],
    EventName: ({ operation }) => [operation],
    ReadOnly: ({ readOnly }) => [String(readOnly)],
    Username: (entry) => [userName(entry)],
    ResourceType: ({ resources }) => resources.map(({ type }) => type),
    ResourceName: ({ resources }) => resources.map(({ name }) => name),
    EventSource: (entry) => [source(entry)],
    AccessKeyId: ({ accessKeyId }) => [accessKeyId],
  };
  const values = read[AttributeKey ?? ''];
  if (!values || AttributeValue === '')
    throw new CloudTrail.InvalidLookupAttributesException({
      message: `The lookup attribute ${AttributeKey ?? ''} is not valid.`,
      $metadata: {},
    });
  return (entry) => values(entry).includes(AttributeValue);
}

/** Signing names and event sources differ for one service only. */
function source({ service }: TrailEntry): string {
  return `${service}.amazonaws.com`;
}

function userName({ principalArn }: TrailEntry): string {
  return splitSessionArn(principalArn)?.session ?? principalArn.split('/').at(-1) ?? '';
}

function describe(entry: TrailEntry): CloudTrail.Event {
  return {
    EventId: entry.id,
    EventName: entry.operation,
    ReadOnly: String(entry.readOnly),
    ...(entry.accessKeyId === undefined ? {} : { AccessKeyId: entry.accessKeyId }),
    EventTime: new Date(entry.at),
    EventSource: source(entry),
    Username: userName(entry),
    Resources: entry.resources.map(({ name, type }) => ({ ResourceName: name, ResourceType: type })),
    CloudTrailEvent: JSON.stringify(recordOf(entry)),
  };
}

/** The record itself, in the form of event version 1.11. */
function recordOf(entry: TrailEntry): object {
  const session = splitSessionArn(entry.principalArn);
  const userIdentity = session
    ? {
        ...{ type: 'AssumedRole', arn: entry.principalArn, accountId: session.accountId },
        accessKeyId: entry.accessKeyId,
        sessionContext: {
          sessionIssuer: {
            type: 'Role',
            arn: `arn:aws:iam::${session.accountId}:role/${session.name}`,
            accountId: session.accountId,
            userName: session.name,
          },
        },
      }
    : {
        ...{ type: 'IAMUser', arn: entry.principalArn, accountId: entry.accountId },
        ...{ accessKeyId: entry.accessKeyId, userName: userName(entry) },
      };
  return {
    eventVersion: '1.11',
    userIdentity,
    eventTime: `${entry.at.slice(0, 19)}Z`,
    eventSource: source(entry),
    eventName: entry.operation,
    awsRegion: entry.region,
    sourceIPAddress: entry.sourceIp,
    userAgent: entry.userAgent,
    ...(entry.errorCode === undefined
      ? {}
      : { errorCode: entry.errorCode, errorMessage: entry.errorMessage }),
    requestParameters: entry.parameters,
    responseElements: null,
    requestID: entry.requestId,
    eventID: entry.id,
    readOnly: entry.readOnly,
    resources: entry.resources.map(({ name, type }) => ({ ARN: name, type })),
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: entry.accountId,
    eventCategory: 'Management',
  };
}
