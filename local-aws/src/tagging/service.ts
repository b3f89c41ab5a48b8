import * as Tagging from '@aws-sdk/client-resource-groups-tagging-api';
import { pageBy } from '../paging.ts';
import type { Platform } from '../platform.ts';
import { AwsError, refuseOthers } from '../wire/errors.ts';
import { defineService, type Call, type Service } from '../wire/handlers.ts';
import { asker, onBehalf, type TaggedResource } from './resources.ts';
import { TAGGABLES } from './taggables.ts';

/** Tags across services: what has which, and changing many at once with each service's own checks. */
export function taggingService(platform: Platform, services: readonly Service[]): Service {
  const permit = (call: Call, action: string): void =>
    platform.authorize(call, `tag:${action}`, '*', {}, { ownerAccountId: call.accountId });
  const everything = async (call: Call): Promise<TaggedResource[]> => {
    const found: TaggedResource[] = [];
    for (const service of services) {
      const taggable = TAGGABLES[service.name];
      if (taggable) found.push(...(await taggable.list(asker(service, onBehalf(call)))));
    }
    return found
      .filter(({ tags }) => tags.length > 0)
      .map((each) =>
        each.arn.startsWith('arn:')
          ? each
          : { ...each, arn: `arn:aws:ec2:${call.region}:${call.accountId}:${each.arn}` },
      );
  };
  const change = async (
    arns: readonly string[],
    call: Call,
    work: (service: Service, arn: string) => Promise<void>,
  ): Promise<Record<string, Tagging.FailureInfo>> => {
    if (arns.length < 1 || arns.length > 20) throw invalid('ResourceARNList must have 1 to 20 members.');
    const failed: Record<string, Tagging.FailureInfo> = {};
    for (const arn of arns) {
      const [, , name = '', region] = arn.split(':');
      const service = services.find((each) => each.name === name && name in TAGGABLES);
      const fits = region === '' || region === call.region;
      try {
        if (!service || !fits)
          throw invalid(`The ARN ${arn} is of no resource that can be tagged in ${call.region}.`);
        await work(service, arn);
      } catch (err) {
        if (!(err instanceof Error)) throw err;
        const StatusCode = err instanceof AwsError ? err.status : 400;
        const ErrorCode = StatusCode >= 500 ? 'InternalServiceException' : 'InvalidParameterException';
        failed[arn] = { StatusCode, ErrorCode, ErrorMessage: err.message };
      }
    }
    return failed;
  };

  return defineService({
    name: 'tagging',
    load: () => import('@aws-sdk/client-resource-groups-tagging-api'),
    handlers: {
      async GetResources(input, call) {
        refuseOthers('tagging', 'GetResources', input, [
          ...[
            'PaginationToken',
            'TagFilters',
            'ResourcesPerPage',
            'TagsPerPage',
            'ResourceTypeFilters',
            'ResourceARNList',
          ],
        ]);
        permit(call, 'GetResources');
        const {
          TagFilters = [],
          ResourceTypeFilters = [],
          ResourceARNList = [],
          ResourcesPerPage = 50,
        } = input;
        if (ResourceARNList.length > 0 && (TagFilters.length > 0 || ResourceTypeFilters.length > 0))
          throw invalid('ResourceARNList cannot be combined with other filters.');
        if (ResourcesPerPage < 1 || ResourcesPerPage > 100)
          throw invalid('ResourcesPerPage must be between 1 and 100.');
        const found = (await everything(call)).filter(
          ({ arn, type, tags }) =>
            (ResourceARNList.length === 0 || ResourceARNList.includes(arn)) &&
            (ResourceTypeFilters.length === 0 ||
              ResourceTypeFilters.some((wanted) => wanted === type || type.startsWith(`${wanted}:`))) &&
            TagFilters.every(({ Key, Values = [] }) =>
              tags.some((tag) => tag.Key === Key && (Values.length === 0 || Values.includes(tag.Value))),
            ),
        );
        const { items, PaginationToken } = paged(
          found,
          ({ arn }) => arn,
          ResourcesPerPage,
          input.PaginationToken,
        );
        const ResourceTagMappingList = items.map(({ arn, tags }) => ({ ResourceARN: arn, Tags: [...tags] }));
        return { PaginationToken, ResourceTagMappingList };
      },
      async GetTagKeys({ PaginationToken }, call) {
        permit(call, 'GetTagKeys');
        const keys = (await everything(call)).flatMap(({ tags }) => tags.map(({ Key }) => Key));
        const { items, ...rest } = paged(new Set(keys), (key) => key, 100, PaginationToken);
        return { TagKeys: items, ...rest };
      },
      async GetTagValues({ Key, PaginationToken }, call) {
        permit(call, 'GetTagValues');
        const tags = (await everything(call)).flatMap((resource) => resource.tags);
        const values = new Set(tags.filter((tag) => tag.Key === Key).map(({ Value }) => Value));
        const { items, ...rest } = paged(values, (value) => value, 100, PaginationToken);
        return { TagValues: items, ...rest };
      },
      async TagResources({ ResourceARNList = [], Tags = {} }, call) {
        permit(call, 'TagResources');
        const tags = Object.entries(Tags).map(([Key, Value]) => ({ Key, Value }));
        if (tags.length === 0 || tags.length > 50) throw invalid('Tags must have 1 to 50 members.');
        const FailedResourcesMap = await change(ResourceARNList, call, async (service, arn) =>
          TAGGABLES[service.name]?.tag(asker(service, call), arn, tags),
        );
        return { FailedResourcesMap };
      },
      async UntagResources({ ResourceARNList = [], TagKeys = [] }, call) {
        permit(call, 'UntagResources');
        if (TagKeys.length === 0) throw invalid('TagKeys must not be empty.');
        const FailedResourcesMap = await change(ResourceARNList, call, async (service, arn) =>
          TAGGABLES[service.name]?.untag(asker(service, call), arn, TagKeys),
        );
        return { FailedResourcesMap };
      },
    },
  });
}

/** The last page's token is an empty text, as in AWS. */
function paged<T>(items: Iterable<T>, key: (item: T) => string, limit: number, token: string | undefined) {
  const refuse = () =>
    new Tagging.PaginationTokenExpiredException({
      message: 'The pagination token is not valid.',
      $metadata: {},
    });
  const page = pageBy(items, key, { limit, token: token === '' ? undefined : token, refuse });
  return { items: page.items, PaginationToken: page.next ?? '' };
}

function invalid(message: string): Error {
  return new Tagging.InvalidParameterException({ message, $metadata: {} });
}
