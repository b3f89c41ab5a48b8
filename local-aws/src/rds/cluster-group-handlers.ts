import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import { auroraFamily, CLUSTER_PARAMETER_GROUP } from './cluster-describe.ts';
import { clustersUsed } from './cluster-limits.ts';
import type { ClusterParameterGroupRecord } from './cluster-records.ts';
import type { ClusterContext } from './cluster-context.ts';
import { fault, invalidValue, required } from './faults.ts';
import { keyOf, rdsArn } from './names.ts';
import { byKey, page } from './paging.ts';
import { quota } from './quotas.ts';
import { tagContext, tagsFrom } from './tags.ts';

/** Cluster parameter groups: names that clusters may use. Their parameters are not applied. */
export function clusterGroupHandlers({ platform, store, clusters }: ClusterContext): Handlers<typeof RDS> {
  const { version } = clusters.servers.host.binaries;
  const family = auroraFamily(version);
  const fallback = CLUSTER_PARAMETER_GROUP(version);

  return {
    async CreateDBClusterParameterGroup(input, call) {
      refuseMembers('rds', 'CreateDBClusterParameterGroup', input, ['TagSpecifications']);
      const name = required(input.DBClusterParameterGroupName, 'DBClusterParameterGroupName').toLowerCase();
      const tags = tagsFrom(input.Tags);
      const arn = rdsArn(call, 'cluster-pg', name);
      platform.authorize(call, 'rds:CreateDBClusterParameterGroup', arn, tagContext(tags));
      const wanted = required(input.DBParameterGroupFamily, 'DBParameterGroupFamily');
      if (wanted !== family)
        throw invalidValue(
          `ParameterGroupFamily ${wanted} is not a valid parameter group family here; ${family} is.`,
        );
      const description = required(input.Description, 'Description');
      if (name === fallback || store.clusterParameterGroups.has(keyOf(call, name)))
        throw fault(RDS.DBParameterGroupAlreadyExistsFault, `Parameter group ${name} already exists`);
      const max = quota(store, call, 'DBClusterParameterGroups');
      if (clustersUsed(store, call).DBClusterParameterGroups >= max)
        throw fault(
          RDS.DBParameterGroupQuotaExceededFault,
          `Cannot create more than ${max} DB cluster parameter groups.`,
        );
      const { accountId, region } = call;
      const record = { accountId, region, name, family, description, tags };
      await store.clusterParameterGroups.put(keyOf(call, name), record);
      return { DBClusterParameterGroup: describe(record) };
    },

    async DescribeDBClusterParameterGroups(input, call) {
      refuseMembers('rds', 'DescribeDBClusterParameterGroups', input, ['Filters']);
      const wanted = input.DBClusterParameterGroupName?.toLowerCase();
      const arn = rdsArn(call, 'cluster-pg', wanted ?? '*');
      platform.authorize(call, 'rds:DescribeDBClusterParameterGroups', arn);
      const { accountId, region } = call;
      const description = `Default cluster parameter group for ${family}`;
      const own = [...store.clusterParameterGroups.values()].filter(
        (record) => record.accountId === accountId && record.region === region,
      );
      const all = [{ accountId, region, name: fallback, family, description, tags: [] }, ...own];
      const matching = all
        .filter(({ name }) => wanted === undefined || name === wanted)
        .sort(byKey(({ name }) => name));
      if (wanted !== undefined && matching.length === 0)
        throw fault(RDS.DBParameterGroupNotFoundFault, `DBClusterParameterGroup not found: ${wanted}`);
      const { items, Marker } = page(matching, ({ name }) => name, input);
      return { DBClusterParameterGroups: items.map(describe), Marker };
    },

    async DeleteDBClusterParameterGroup(input, call) {
      const name = required(input.DBClusterParameterGroupName, 'DBClusterParameterGroupName').toLowerCase();
      const record = store.clusterParameterGroups.get(keyOf(call, name));
      const arn = rdsArn(call, 'cluster-pg', name);
      platform.authorize(call, 'rds:DeleteDBClusterParameterGroup', arn, tagContext([], record?.tags));
      if (!record)
        throw fault(RDS.DBParameterGroupNotFoundFault, `DBClusterParameterGroup not found: ${name}`);
      const user = [...store.clusters.values()].find(
        (one) =>
          one.parameterGroup === name && one.accountId === call.accountId && one.region === call.region,
      );
      if (user)
        throw fault(
          RDS.InvalidDBParameterGroupStateFault,
          `One or more DB clusters are still members of this parameter group: ${user.id}`,
        );
      await store.clusterParameterGroups.remove(keyOf(call, name));
      return {};
    },
  };
}

function describe(record: ClusterParameterGroupRecord): RDS.DBClusterParameterGroup {
  return {
    DBClusterParameterGroupName: record.name,
    DBParameterGroupFamily: record.family,
    Description: record.description,
    DBClusterParameterGroupArn: rdsArn(record, 'cluster-pg', record.name),
  };
}
