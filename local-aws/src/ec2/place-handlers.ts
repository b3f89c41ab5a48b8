import type * as EC2 from '@aws-sdk/client-ec2';
import { notImplemented } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { Table } from '../platform.ts';
import { type Ec2Context } from './context.ts';
import { applyFilters, missing, pickIds } from './filters.ts';
import type { Tag, VpcRecord } from './networks.ts';

const REGIONS = [
  'eu-central-1',
  'eu-west-1',
  'eu-north-1',
  'us-east-1',
  'us-east-2',
  'us-west-2',
  'ap-southeast-2',
];

/** Regions, zones, network interfaces of databases, network ACLs, flow logs, and tags of everything. */
export function placeHandlers(context: Ec2Context): Handlers<typeof EC2> {
  const { networks } = context;
  const retag = async (
    id: string,
    call: Call,
    change: (tags: readonly Tag[]) => readonly Tag[],
  ): Promise<void> => {
    const type = TYPES.find(([prefix]) => id.startsWith(`${prefix}-`))?.[1] ?? 'resource';
    context.permit(call, type, id);
    for (const table of context.taggedTables() as Table<{
      accountId: string;
      region: string;
      tags: readonly Tag[];
    }>[]) {
      const thing = table.get(id);
      if (thing?.accountId !== call.accountId || thing.region !== call.region) continue;
      await table.put(id, { ...thing, tags: change(thing.tags) });
      return;
    }
    throw missing('InvalidID', 'ID', id);
  };

  return {
    async DescribeRegions(input, call) {
      context.permitList(call);
      const names = input.RegionNames ?? [];
      const all = [...new Set([...REGIONS, call.region])].sort();
      return {
        Regions: all
          .filter((name) => names.length === 0 || names.includes(name))
          .map((RegionName) => ({
            ...{
              RegionName,
              Endpoint: `ec2.${RegionName}.amazonaws.com`,
              OptInStatus: 'opt-in-not-required' as const,
            },
          })),
      };
    },
    async DescribeAvailabilityZones(_input, call) {
      context.permitList(call);
      return {
        AvailabilityZones: ['a', 'b', 'c'].map((zone, index) => ({
          ...{
            ZoneName: call.region + zone,
            ZoneId: `${call.region.replace(/[^a-z0-9]/g, '')}-az${index + 1}`,
          },
          ...{ RegionName: call.region, State: 'available' as const, ZoneType: 'availability-zone' },
          ...{ OptInStatus: 'opt-in-not-required' as const, GroupName: call.region },
        })),
      };
    },
    async DescribeAccountAttributes({ AttributeNames = [] }, call) {
      context.permitList(call);
      const defaultVpc = context.mine(networks.vpcs.values(), call).find(({ isDefault }) => isDefault);
      const all: Record<string, string[]> = {
        'supported-platforms': ['VPC'],
        'default-vpc': [defaultVpc?.id ?? 'none'],
      };
      for (const name of AttributeNames)
        if (!(name in all)) throw notImplemented('ec2', `DescribeAccountAttributes of ${name}`);
      const wanted: readonly string[] = AttributeNames.length > 0 ? AttributeNames : Object.keys(all);
      return {
        AccountAttributes: wanted.map((AttributeName) => ({
          AttributeName,
          AttributeValues: (all[AttributeName] ?? []).map((AttributeValue) => ({ AttributeValue })),
        })),
      };
    },
    async DescribeNetworkInterfaces(input, call) {
      context.permitList(call);
      const mine = context.mine(networks.interfaces(), call).map((each) => ({ ...each, tags: [] }));
      const found = pickIds(
        mine,
        input.NetworkInterfaceIds,
        'InvalidNetworkInterfaceID.NotFound',
        'networkInterface ID',
      );
      type Interface = (typeof mine)[number];
      const fields = {
        'network-interface-id': ({ id }: Interface) => id,
        'vpc-id': ({ vpcId }: Interface) => vpcId,
        'subnet-id': ({ subnetId }: Interface) => subnetId,
        'group-id': ({ groupIds }: Interface) => groupIds,
        'private-ip-address': ({ privateIp }: Interface) => privateIp,
        'requester-id': () => 'amazon-rds',
        status: () => 'in-use',
        description: ({ description }: Interface) => description,
      };
      const { items, ...rest } = context.page(
        applyFilters(found, input.Filters, fields, call.operation),
        input,
      );
      const NetworkInterfaces = items.map((each) => ({
        ...{
          NetworkInterfaceId: each.id,
          VpcId: each.vpcId,
          SubnetId: each.subnetId,
          OwnerId: each.accountId,
        },
        ...{ PrivateIpAddress: each.privateIp, Description: each.description, Status: 'in-use' as const },
        ...{ InterfaceType: 'interface' as const, RequesterManaged: true, RequesterId: 'amazon-rds' },
        AvailabilityZone: networks.subnet(each.subnetId)?.availabilityZone,
        Groups: each.groupIds.map((GroupId) => ({ GroupId, GroupName: networks.groups.get(GroupId)?.name })),
        PrivateIpAddresses: [{ Primary: true, PrivateIpAddress: each.privateIp }],
        TagSet: [],
      }));
      return { NetworkInterfaces, ...rest };
    },
    async DescribeNetworkAcls(input, call) {
      context.permitList(call);
      const all = context
        .mine(networks.vpcs.values(), call)
        .map((vpc) => ({ ...vpc, id: aclId(vpc), vpcId: vpc.id }));
      const found = pickIds(all, input.NetworkAclIds, 'InvalidNetworkAclID.NotFound', 'networkAcl ID');
      type Acl = (typeof all)[number];
      const subnetsOf = ({ vpcId }: Acl) =>
        [...networks.subnetTable.values()].filter((each) => each.vpcId === vpcId);
      const fields = {
        'network-acl-id': ({ id }: Acl) => id,
        'vpc-id': ({ vpcId }: Acl) => vpcId,
        default: () => 'true',
        'association.subnet-id': (acl: Acl) => subnetsOf(acl).map(({ id }) => id),
      };
      const { items, ...rest } = context.page(
        applyFilters(found, input.Filters, fields, call.operation),
        input,
      );
      const NetworkAcls = items.map((acl) => ({
        ...{ NetworkAclId: acl.id, VpcId: acl.vpcId, OwnerId: acl.accountId, IsDefault: true, Tags: [] },
        Associations: subnetsOf(acl).map(({ id }) => ({
          ...{
            NetworkAclId: acl.id,
            SubnetId: id,
            NetworkAclAssociationId: id.replace('subnet', 'aclassoc'),
          },
        })),
        Entries: [true, false].flatMap((Egress) => [
          aclEntry(100, 'allow', Egress),
          aclEntry(32_767, 'deny', Egress),
        ]),
      }));
      return { NetworkAcls, ...rest };
    },
    async DescribeFlowLogs(_input, call) {
      context.permitList(call);
      return { FlowLogs: [] };
    },
    async CreateTags({ Resources = [], Tags = [] }, call) {
      for (const id of Resources) await retag(id, call, (tags) => withTags(tags, Tags));
      return {};
    },
    async DeleteTags({ Resources = [], Tags = [] }, call) {
      const gone = ({ Key, Value }: Tag): boolean =>
        Tags.length === 0 ||
        Tags.some((tag) => tag.Key === Key && (tag.Value === undefined || tag.Value === Value));
      for (const id of Resources) await retag(id, call, (tags) => tags.filter((tag) => !gone(tag)));
      return {};
    },
    async DescribeTags(input, call) {
      context.permitList(call);
      const all = context.taggedTables().flatMap((table) =>
        context
          .mine(
            table.values() as Iterable<{
              id: string;
              accountId: string;
              region: string;
              tags: readonly Tag[];
            }>,
            call,
          )
          .flatMap(({ id, tags }) =>
            tags.map((tag) => ({ id: `${id}/${tag.Key}`, thing: id, tag, tags: [tag] })),
          ),
      );
      type Tagged = (typeof all)[number];
      const typeOf = ({ thing }: Tagged): string =>
        TYPES.find(([prefix]) => thing.startsWith(`${prefix}-`))?.[1] ?? '';
      const fields = {
        'resource-id': ({ thing }: Tagged) => thing,
        'resource-type': typeOf,
        key: ({ tag }: Tagged) => tag.Key,
        value: ({ tag }: Tagged) => tag.Value,
      };
      const { items, ...rest } = context.page(
        applyFilters(all, input.Filters, fields, call.operation),
        input,
      );
      const Tags = items.map((each) => ({
        ...{
          ResourceId: each.thing,
          ResourceType: typeOf(each) as EC2.ResourceType,
          Key: each.tag.Key,
          Value: each.tag.Value,
        },
      }));
      return { Tags, ...rest };
    },
  };
}

const TYPES: readonly (readonly [prefix: string, type: string])[] = [
  ['vpce', 'vpc-endpoint'],
  ['vpc', 'vpc'],
  ['subnet', 'subnet'],
  ['sg', 'security-group'],
  ['rtb', 'route-table'],
  ['igw', 'internet-gateway'],
  ['nat', 'natgateway'],
  ['pcx', 'vpc-peering-connection'],
];

/** Every VPC has its default ACL, which lets everything through; others cannot be made here. */
function aclId({ id }: VpcRecord): string {
  return id.replace('vpc-', 'acl-');
}

function aclEntry(RuleNumber: number, RuleAction: 'allow' | 'deny', Egress: boolean): EC2.NetworkAclEntry {
  return { RuleNumber, RuleAction, Egress, Protocol: '-1', CidrBlock: '0.0.0.0/0' };
}

function withTags(tags: readonly Tag[], added: readonly EC2.Tag[]): Tag[] {
  const merged = new Map(tags.map(({ Key, Value }) => [Key, Value]));
  for (const { Key = '', Value = '' } of added) merged.set(Key, Value);
  return [...merged].map(([Key, Value]) => ({ Key, Value }));
}
