import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { describeSubnetGroup } from './describe.ts';
import { fault, invalidValue, required } from './faults.ts';
import { room } from './limits.ts';
import { keyOf, rdsArn } from './names.ts';
import { byKey, page } from './paging.ts';
import type { SubnetGroupRecord } from './records.ts';
import { tagContext, tagsFrom } from './tags.ts';

/** Subnet groups decide where an instance's address lies. */
export function subnetGroupHandlers(context: RdsContext): Handlers<typeof RDS> {
  const { platform, store } = context;

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
      const user = [...store.instances.values(), ...store.clusters.values()].find(
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
