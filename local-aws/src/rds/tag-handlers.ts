import * as RDS from '@aws-sdk/client-rds';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { fault, invalidValue, required } from './faults.ts';
import { keyOf, parseRdsArn } from './names.ts';
import type { Tag } from './records.ts';
import { merged, tagContext, tagsFrom } from './tags.ts';

interface Tagged {
  readonly tags: readonly Tag[];
  readonly put: (tags: readonly Tag[]) => Promise<void>;
}

/** Tags by ARN, on instances, clusters, the snapshots of both, subnet groups and parameter groups. */
export function tagHandlers({ platform, store }: RdsContext): Handlers<typeof RDS> {
  return {
    async AddTagsToResource(input, call) {
      const arn = required(input.ResourceName, 'ResourceName');
      const added = tagsFrom(input.Tags);
      const resource = find(arn, call);
      platform.authorize(call, 'rds:AddTagsToResource', arn, tagContext(added, resource.tags));
      await resource.put(merged(resource.tags, added));
      return {};
    },

    async RemoveTagsFromResource(input, call) {
      const arn = required(input.ResourceName, 'ResourceName');
      const removed = new Set(input.TagKeys);
      const resource = find(arn, call);
      platform.authorize(call, 'rds:RemoveTagsFromResource', arn, {
        ...tagContext([], resource.tags),
        'aws:TagKeys': [...removed],
      });
      await resource.put(resource.tags.filter(({ Key }) => !removed.has(Key)));
      return {};
    },

    async ListTagsForResource(input, call) {
      const arn = required(input.ResourceName, 'ResourceName');
      const resource = find(arn, call);
      platform.authorize(call, 'rds:ListTagsForResource', arn, tagContext([], resource.tags));
      return { TagList: [...resource.tags] };
    },
  };

  function find(arn: string, call: Call): Tagged {
    const parsed = parseRdsArn(arn);
    if (!parsed || parsed.accountId !== call.accountId || parsed.region !== call.region)
      throw invalidValue(`The specified resource name does not match an RDS resource in this region: ${arn}`);
    const key = keyOf(parsed, parsed.id);
    switch (parsed.kind) {
      case 'db': {
        const record = store.instances.get(key);
        if (!record) throw fault(RDS.DBInstanceNotFoundFault, `DBInstance ${parsed.id} not found.`);
        return {
          tags: record.tags,
          put: async (tags) => {
            await store.patchInstance(key, { tags });
          },
        };
      }
      case 'snapshot': {
        const record = store.snapshots.get(key);
        if (!record) throw fault(RDS.DBSnapshotNotFoundFault, `DBSnapshot not found: ${parsed.id}`);
        return {
          tags: record.tags,
          put: async (tags) => {
            await store.patchSnapshot(key, { tags });
          },
        };
      }
      case 'cluster': {
        const record = store.clusters.get(key);
        if (!record) throw fault(RDS.DBClusterNotFoundFault, `DBCluster ${parsed.id} not found.`);
        return {
          tags: record.tags,
          put: async (tags) => {
            await store.patchCluster(key, { tags });
          },
        };
      }
      case 'cluster-snapshot': {
        const record = store.clusterSnapshots.get(key);
        if (!record)
          throw fault(RDS.DBClusterSnapshotNotFoundFault, `DBClusterSnapshot not found: ${parsed.id}`);
        return {
          tags: record.tags,
          put: async (tags) => {
            await store.patchClusterSnapshot(key, { tags });
          },
        };
      }
      case 'cluster-pg': {
        const record = store.clusterParameterGroups.get(key);
        if (!record) throw invalidValue(`DBClusterParameterGroup not found: ${parsed.id}`);
        return {
          tags: record.tags,
          put: (tags) => store.clusterParameterGroups.put(key, { ...record, tags }),
        };
      }
      case 'subgrp': {
        const record = store.subnetGroups.get(key);
        if (!record) throw invalidValue(`DB subnet group '${parsed.id}' does not exist.`);
        return { tags: record.tags, put: (tags) => store.subnetGroups.put(key, { ...record, tags }) };
      }
      case 'pg': {
        const record = store.parameterGroups.get(key);
        if (!record) throw invalidValue(`DBParameterGroup not found: ${parsed.id}`);
        return { tags: record.tags, put: (tags) => store.parameterGroups.put(key, { ...record, tags }) };
      }
      case 'og': {
        const record = store.optionGroups.get(key);
        if (!record)
          throw fault(RDS.OptionGroupNotFoundFault, `Specified OptionGroupName: ${parsed.id} not found.`);
        return { tags: record.tags, put: (tags) => store.optionGroups.put(key, { ...record, tags }) };
      }
      default:
        throw invalidValue(`Tags of ${parsed.kind} resources are not kept here: ${arn}`);
    }
  }
}
