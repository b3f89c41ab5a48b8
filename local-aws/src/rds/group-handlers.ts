import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { describeSubnetGroup, majorOf, OPTION_GROUP, PARAMETER_GROUP } from './describe.ts';
import { fault, invalidValue, required } from './faults.ts';
import { room } from './limits.ts';
import { keyOf, rdsArn } from './names.ts';
import { byKey, page } from './paging.ts';
import type { ParameterGroupRecord, SubnetGroupRecord } from './records.ts';
import { tagContext, tagsFrom } from './tags.ts';

/** Subnet groups are real: they decide where an instance's address lies. Parameter and option groups are names only. */
export function groupHandlers(context: RdsContext): Handlers<typeof RDS> {
  const { platform, store } = context;
  const { version } = context.fleet.host.binaries;
  const family = `postgres${majorOf(version)}`;

  return {
    async CreateDBSubnetGroup(input, call) {
      refuseMembers('rds', 'CreateDBSubnetGroup', input, ['TagSpecifications']);
      const name = required(input.DBSubnetGroupName, 'DBSubnetGroupName').toLowerCase();
      const description = required(input.DBSubnetGroupDescription, 'DBSubnetGroupDescription');
      const tags = tagsFrom(input.Tags);
      platform.authorize(call, 'rds:CreateDBSubnetGroup', rdsArn(call, 'subgrp', name), tagContext(tags));
      if (name === 'default')
        throw invalidValue('The name default is reserved for the default DB subnet group.');
      if (store.subnetGroups.has(keyOf(call, name)))
        throw fault(RDS.DBSubnetGroupAlreadyExistsFault, `The DB subnet group '${name}' already exists.`);
      const { full, max } = room(store, call, 'DBSubnetGroups');
      if (full)
        throw fault(RDS.DBSubnetGroupQuotaExceededFault, `Cannot create more than ${max} DB subnet groups.`);
      const { accountId, region } = call;
      const record: SubnetGroupRecord = {
        accountId,
        region,
        name,
        description,
        tags,
        ...vpcOf(input.SubnetIds ?? [], call),
      };
      await store.subnetGroups.put(keyOf(call, name), record);
      return { DBSubnetGroup: describeSubnetGroup(store, record) };
    },

    async ModifyDBSubnetGroup(input, call) {
      const record = subnetGroup(required(input.DBSubnetGroupName, 'DBSubnetGroupName'), call);
      platform.authorize(
        call,
        'rds:ModifyDBSubnetGroup',
        rdsArn(call, 'subgrp', record.name),
        tagContext([], record.tags),
      );
      const description = input.DBSubnetGroupDescription ?? record.description;
      const changed = { ...record, description, ...vpcOf(input.SubnetIds ?? [], call) };
      await store.subnetGroups.put(keyOf(call, record.name), changed);
      return { DBSubnetGroup: describeSubnetGroup(store, changed) };
    },

    async DescribeDBSubnetGroups(input, call) {
      platform.authorize(
        call,
        'rds:DescribeDBSubnetGroups',
        rdsArn(call, 'subgrp', input.DBSubnetGroupName ?? '*'),
      );
      if (input.DBSubnetGroupName !== undefined)
        return { DBSubnetGroups: [describeSubnetGroup(store, subnetGroup(input.DBSubnetGroupName, call))] };
      const here = [...store.subnetGroups.values()]
        .filter(({ accountId, region }) => accountId === call.accountId && region === call.region)
        .sort(byKey(({ name }) => name));
      const { items, Marker } = page(here, ({ name }) => name, input);
      return { DBSubnetGroups: items.map((record) => describeSubnetGroup(store, record)), Marker };
    },

    async DeleteDBSubnetGroup(input, call) {
      const record = subnetGroup(required(input.DBSubnetGroupName, 'DBSubnetGroupName'), call);
      platform.authorize(
        call,
        'rds:DeleteDBSubnetGroup',
        rdsArn(call, 'subgrp', record.name),
        tagContext([], record.tags),
      );
      const user = [...store.instances.values()].find(
        ({ accountId, region, subnetGroup: used }) =>
          accountId === call.accountId && region === call.region && used === record.name,
      );
      if (user)
        throw fault(
          RDS.InvalidDBSubnetGroupStateFault,
          `Cannot delete the subnet group '${record.name}' because at least one database instance: ${user.id} is still using it.`,
        );
      await store.subnetGroups.remove(keyOf(call, record.name));
      return {};
    },

    async CreateDBParameterGroup(input, call) {
      refuseMembers('rds', 'CreateDBParameterGroup', input, ['TagSpecifications']);
      const name = required(input.DBParameterGroupName, 'DBParameterGroupName').toLowerCase();
      const tags = tagsFrom(input.Tags);
      platform.authorize(call, 'rds:CreateDBParameterGroup', rdsArn(call, 'pg', name), tagContext(tags));
      const wanted = required(input.DBParameterGroupFamily, 'DBParameterGroupFamily');
      if (wanted !== family)
        throw invalidValue(
          `ParameterGroupFamily ${wanted} is not a valid parameter group family here; ${family} is.`,
        );
      if (store.parameterGroups.has(keyOf(call, name)))
        throw fault(RDS.DBParameterGroupAlreadyExistsFault, `Parameter group ${name} already exists`);
      const { accountId, region } = call;
      const description = required(input.Description, 'Description');
      const record: ParameterGroupRecord = { accountId, region, name, family, description, tags };
      await store.parameterGroups.put(keyOf(call, name), record);
      return { DBParameterGroup: describeParameterGroup(record) };
    },

    async DescribeDBParameterGroups(input, call) {
      const wanted = input.DBParameterGroupName?.toLowerCase();
      platform.authorize(call, 'rds:DescribeDBParameterGroups', rdsArn(call, 'pg', wanted ?? '*'));
      const { accountId, region } = call;
      const fallback = { accountId, region, name: PARAMETER_GROUP(majorOf(version)), family, tags: [] };
      const own = [...store.parameterGroups.values()].filter(
        (record) => record.accountId === accountId && record.region === region,
      );
      const all = [{ ...fallback, description: `Default parameter group for ${family}` }, ...own].sort(
        byKey(({ name }) => name),
      );
      const matching = all.filter(({ name }) => wanted === undefined || name === wanted);
      if (wanted !== undefined && matching.length === 0)
        throw fault(RDS.DBParameterGroupNotFoundFault, `DBParameterGroup not found: ${wanted}`);
      const { items, Marker } = page(matching, ({ name }) => name, input);
      return { DBParameterGroups: items.map(describeParameterGroup), Marker };
    },

    async DeleteDBParameterGroup(input, call) {
      const name = required(input.DBParameterGroupName, 'DBParameterGroupName').toLowerCase();
      platform.authorize(call, 'rds:DeleteDBParameterGroup', rdsArn(call, 'pg', name));
      if (!store.parameterGroups.has(keyOf(call, name)))
        throw fault(RDS.DBParameterGroupNotFoundFault, `DBParameterGroup not found: ${name}`);
      const used = [...store.instances.values()].some(
        (record) =>
          record.parameterGroup === name &&
          record.accountId === call.accountId &&
          record.region === call.region,
      );
      if (used)
        throw fault(
          RDS.InvalidDBParameterGroupStateFault,
          'One or more database instances are still members of this parameter group',
        );
      await store.parameterGroups.remove(keyOf(call, name));
      return {};
    },

    async DescribeOptionGroups(input, call) {
      const name = OPTION_GROUP(majorOf(version));
      platform.authorize(call, 'rds:DescribeOptionGroups', rdsArn(call, 'og', input.OptionGroupName ?? '*'));
      if (input.OptionGroupName !== undefined && input.OptionGroupName !== name)
        throw fault(
          RDS.OptionGroupNotFoundFault,
          `Specified OptionGroupName: ${input.OptionGroupName} not found.`,
        );
      const facts = { EngineName: 'postgres', MajorEngineVersion: majorOf(version), Options: [] };
      return {
        OptionGroupsList: [
          {
            ...{
              OptionGroupName: name,
              OptionGroupDescription: `Default option group for postgres ${majorOf(version)}`,
            },
            ...{
              ...facts,
              AllowsVpcAndNonVpcInstanceMemberships: true,
              OptionGroupArn: rdsArn(call, 'og', name),
            },
          },
        ],
      };
    },
  };

  function subnetGroup(name: string, call: Call): SubnetGroupRecord {
    const record = store.subnetGroups.get(keyOf(call, name.toLowerCase()));
    if (!record) throw fault(RDS.DBSubnetGroupNotFoundFault, `DB subnet group '${name}' does not exist.`);
    return record;
  }

  /** Checks subnets: known here, of one VPC, in two zones. */
  function vpcOf(subnetIds: readonly string[], call: Call): { vpcId: string; subnetIds: readonly string[] } {
    const subnets = subnetIds.map((id) => {
      const subnet = platform.networks.subnet(id);
      if (subnet?.accountId !== call.accountId || subnet.region !== call.region)
        throw fault(RDS.InvalidSubnet, `The subnet ${id} does not exist in ${call.region} of this account.`);
      return subnet;
    });
    const [first] = subnets;
    if (!first) throw invalidValue('SubnetIds must name at least one subnet.');
    if (subnets.some(({ vpcId }) => vpcId !== first.vpcId))
      throw fault(RDS.InvalidSubnet, 'The subnets of a DB subnet group must be in one VPC.');
    if (new Set(subnets.map(({ availabilityZone }) => availabilityZone)).size < 2)
      throw fault(
        RDS.DBSubnetGroupDoesNotCoverEnoughAZs,
        "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at least 2 AZs.",
      );
    return { vpcId: first.vpcId, subnetIds };
  }
}

function describeParameterGroup(record: ParameterGroupRecord): RDS.DBParameterGroup {
  return {
    DBParameterGroupName: record.name,
    DBParameterGroupFamily: record.family,
    Description: record.description,
    DBParameterGroupArn: rdsArn(record, 'pg', record.name),
  };
}
