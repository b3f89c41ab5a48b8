import * as EC2 from '@aws-sdk/client-ec2';
import type { Authorizer } from '../auth/authorize.ts';
import { awsError, notImplemented } from '../wire/errors.ts';
import { defineService, type Call, type Service } from '../wire/handlers.ts';
import { contains, overlap, parseBlock } from './blocks.ts';
import { applyFilters, missing, pickIds, tagsFor } from './filters.ts';
import {
  newId,
  type GroupRecord,
  type Networks,
  type SubnetRecord,
  type Tag,
  type VpcRecord,
} from './networks.ts';
import { readPermissions, samePermission, showPermissions } from './permissions.ts';

export interface Ec2Parts {
  readonly networks: Networks;
  readonly authorize: Authorizer['authorize'];
}

interface Owned {
  readonly accountId: string;
  readonly region: string;
}

/** Networks only: VPCs, subnets, security groups. There are no routes out, no peerings and no endpoints here. */
export function ec2Service({ networks, authorize }: Ec2Parts): Service {
  const mine = <T extends Owned>(items: Iterable<T>, call: Call): T[] =>
    [...items].filter(({ accountId, region }) => accountId === call.accountId && region === call.region);
  const arn = (call: Call, type: string, id: string): string =>
    `arn:aws:ec2:${call.region}:${call.accountId}:${type}/${id}`;
  const permit = (call: Call, type: string, id: string): void =>
    authorize(call, `ec2:${call.operation}`, arn(call, type, id));
  const permitList = (call: Call): void =>
    authorize(call, `ec2:${call.operation}`, '*', {}, { ownerAccountId: call.accountId });
  const noPaging = (call: Call, input: { NextToken?: string | undefined }): void => {
    if (input.NextToken !== undefined)
      throw notImplemented('ec2', `${call.operation} with NextToken: every answer here is complete`);
  };

  const vpcOf = (id: string | undefined, call: Call): VpcRecord => {
    const vpc = mine(networks.vpcs.values(), call).find((each) => each.id === id);
    if (!vpc) throw missing('InvalidVpcID.NotFound', 'vpc ID', id);
    return vpc;
  };
  const groupOf = (id: string | undefined, name: string | undefined, call: Call): GroupRecord => {
    const groups = mine(networks.groups.values(), call);
    const group =
      id === undefined
        ? groups.find((each) => each.name === name && networks.vpc(each.vpcId)?.isDefault)
        : groups.find((each) => each.id === id);
    if (!group) throw missing('InvalidGroup.NotFound', 'security group', id ?? name);
    return group;
  };
  const refuseIfUsed = (id: string): void => {
    const reason = networks.dependencyOf(id);
    if (reason !== undefined) throw dependency(`resource ${id} has a dependent object: ${reason}`);
  };

  return defineService({
    name: 'ec2',
    module: EC2,
    handlers: {
      async CreateVpc(input, call) {
        permit(call, 'vpc', '*');
        if (input.CidrBlock === undefined) throw notImplemented('ec2', 'CreateVpc without CidrBlock');
        return {
          Vpc: showVpc(
            await networks.createVpc(call, input.CidrBlock, tagsFor('vpc', input.TagSpecifications)),
          ),
        };
      },
      async DescribeVpcs(input, call) {
        permitList(call);
        noPaging(call, input);
        const found = pickIds(
          mine(networks.vpcs.values(), call),
          input.VpcIds,
          'InvalidVpcID.NotFound',
          'vpc ID',
        );
        const fields = {
          'vpc-id': (vpc: VpcRecord) => vpc.id,
          cidr: (vpc: VpcRecord) => vpc.cidr,
          'is-default': isDefault,
          isDefault,
          state: () => 'available',
        };
        return { Vpcs: applyFilters(found, input.Filters, fields, call.operation).map(showVpc) };
      },
      async DeleteVpc({ VpcId }, call) {
        permit(call, 'vpc', VpcId ?? '');
        const vpc = vpcOf(VpcId, call);
        refuseIfUsed(vpc.id);
        const groups = [...networks.groups.values()].filter(({ vpcId }) => vpcId === vpc.id);
        const rest =
          [...networks.subnetTable.values()].some(({ vpcId }) => vpcId === vpc.id) ||
          groups.some(({ name }) => name !== 'default');
        if (rest) throw dependency(`The vpc '${vpc.id}' has dependencies and cannot be deleted.`);
        await Promise.all([
          networks.vpcs.remove(vpc.id),
          ...groups.map(({ id }) => networks.groups.remove(id)),
        ]);
        return {};
      },
      async DescribeVpcAttribute({ VpcId, Attribute }, call) {
        permit(call, 'vpc', VpcId ?? '');
        const vpc = vpcOf(VpcId, call);
        if (Attribute === 'enableDnsSupport') return { VpcId: vpc.id, EnableDnsSupport: { Value: true } };
        if (Attribute === 'enableDnsHostnames')
          return { VpcId: vpc.id, EnableDnsHostnames: { Value: vpc.isDefault } };
        throw notImplemented('ec2', `DescribeVpcAttribute of ${Attribute ?? ''}`);
      },
      async CreateSubnet(input, call) {
        permit(call, 'subnet', '*');
        const vpc = vpcOf(input.VpcId, call);
        const cidr = input.CidrBlock ?? '';
        checkSubnetBlock(cidr, vpc, [...networks.subnetTable.values()]);
        const id = newId('subnet');
        const availabilityZone = input.AvailabilityZone ?? `${call.region}a`;
        if (!new RegExp(`^${call.region}[a-c]$`).test(availabilityZone)) {
          throw awsError({
            code: 'InvalidParameterValue',
            status: 400,
            message: `Value (${availabilityZone}) for parameter availabilityZone is invalid.`,
          });
        }
        const { accountId, region } = call;
        const subnet: SubnetRecord = {
          id,
          accountId,
          region,
          vpcId: vpc.id,
          cidr,
          availabilityZone,
          tags: tagsFor('subnet', input.TagSpecifications),
        };
        await networks.subnetTable.put(id, subnet);
        return { Subnet: showSubnet(subnet) };
      },
      async DescribeSubnets(input, call) {
        permitList(call);
        noPaging(call, input);
        const found = pickIds(
          mine(networks.subnetTable.values(), call),
          input.SubnetIds,
          'InvalidSubnetID.NotFound',
          'subnet ID',
        );
        const fields = {
          'vpc-id': (subnet: SubnetRecord) => subnet.vpcId,
          'subnet-id': (subnet: SubnetRecord) => subnet.id,
          'availability-zone': (subnet: SubnetRecord) => subnet.availabilityZone,
          'cidr-block': (subnet: SubnetRecord) => subnet.cidr,
        };
        return { Subnets: applyFilters(found, input.Filters, fields, call.operation).map(showSubnet) };
      },
      async DeleteSubnet({ SubnetId }, call) {
        permit(call, 'subnet', SubnetId ?? '');
        const subnet = mine(networks.subnetTable.values(), call).find(({ id }) => id === SubnetId);
        if (!subnet) throw missing('InvalidSubnetID.NotFound', 'subnet ID', SubnetId);
        refuseIfUsed(subnet.id);
        await networks.subnetTable.remove(subnet.id);
        return {};
      },
      async CreateSecurityGroup(input, call) {
        permit(call, 'security-group', '*');
        const vpc =
          input.VpcId === undefined ? (await networks.defaultVpc(call)).vpc : vpcOf(input.VpcId, call);
        const name = input.GroupName ?? '';
        if (name === '' || name.startsWith('sg-'))
          throw awsError({
            code: 'InvalidParameterValue',
            status: 400,
            message: `Value (${name}) for parameter GroupName is invalid.`,
          });
        if ([...networks.groups.values()].some((group) => group.vpcId === vpc.id && group.name === name)) {
          throw awsError({
            code: 'InvalidGroup.Duplicate',
            status: 400,
            message: `The security group '${name}' already exists for VPC '${vpc.id}'`,
          });
        }
        const { accountId, region } = call;
        const tags = tagsFor('security-group', input.TagSpecifications);
        const group: GroupRecord = {
          id: newId('sg'),
          accountId,
          region,
          name,
          description: input.Description ?? '',
          vpcId: vpc.id,
          permissions: [],
          tags,
        };
        await networks.putGroup(group);
        return { GroupId: group.id, Tags: tags, SecurityGroupArn: arn(call, 'security-group', group.id) };
      },
      async DescribeSecurityGroups(input, call) {
        permitList(call);
        noPaging(call, input);
        const byName = mine(networks.groups.values(), call).filter(
          ({ name }) => !input.GroupNames || input.GroupNames.length === 0 || input.GroupNames.includes(name),
        );
        const found = pickIds(byName, input.GroupIds, 'InvalidGroup.NotFound', 'security group');
        const fields = {
          'group-id': (group: GroupRecord) => group.id,
          'group-name': (group: GroupRecord) => group.name,
          'vpc-id': (group: GroupRecord) => group.vpcId,
        };
        return {
          SecurityGroups: applyFilters(found, input.Filters, fields, call.operation).map((group) =>
            showGroup(group, arn(call, 'security-group', group.id)),
          ),
        };
      },
      async AuthorizeSecurityGroupIngress(input, call) {
        permit(call, 'security-group', input.GroupId ?? input.GroupName ?? '');
        const group = groupOf(input.GroupId, input.GroupName, call);
        const added = readPermissions(input);
        for (const { peerGroupId } of added)
          if (peerGroupId !== undefined) groupOf(peerGroupId, undefined, call);
        if (
          added.some((permission) => group.permissions.some((known) => samePermission(known, permission)))
        ) {
          throw awsError({
            code: 'InvalidPermission.Duplicate',
            status: 400,
            message: 'the specified rule already exists',
          });
        }
        await networks.putGroup({ ...group, permissions: [...group.permissions, ...added] });
        return {
          Return: true,
          SecurityGroupRules: added.map(({ ruleId, protocol, fromPort, toPort, cidr }) => ({
            SecurityGroupRuleId: ruleId,
            GroupId: group.id,
            IsEgress: false,
            IpProtocol: protocol,
            FromPort: fromPort,
            ToPort: toPort,
            CidrIpv4: cidr,
          })),
        };
      },
      async RevokeSecurityGroupIngress(input, call) {
        permit(call, 'security-group', input.GroupId ?? input.GroupName ?? '');
        const group = groupOf(input.GroupId, input.GroupName, call);
        const ruleIds = input.SecurityGroupRuleIds ?? [];
        const removed =
          ruleIds.length > 0
            ? group.permissions.filter(({ ruleId }) => ruleIds.includes(ruleId))
            : readPermissions(input);
        const isRemoved = (known: GroupRecord['permissions'][number]): boolean =>
          removed.some((permission) => samePermission(known, permission));
        if (
          removed.length === 0 ||
          !removed.every((permission) => group.permissions.some((known) => samePermission(known, permission)))
        ) {
          throw awsError({
            code: 'InvalidPermission.NotFound',
            status: 400,
            message: 'The specified rule does not exist in this security group.',
          });
        }
        await networks.putGroup({
          ...group,
          permissions: group.permissions.filter((known) => !isRemoved(known)),
        });
        return { Return: true };
      },
      async DeleteSecurityGroup({ GroupId, GroupName }, call) {
        permit(call, 'security-group', GroupId ?? GroupName ?? '');
        const group = groupOf(GroupId, GroupName, call);
        if (group.name === 'default')
          throw awsError({
            code: 'CannotDelete',
            status: 400,
            message: "the specified group 'default' cannot be deleted by a user",
          });
        refuseIfUsed(group.id);
        const referring = [...networks.groups.values()].find(
          (each) =>
            each.id !== group.id && each.permissions.some(({ peerGroupId }) => peerGroupId === group.id),
        );
        if (referring)
          throw dependency(`resource ${group.id} has a dependent object: a rule of ${referring.id}`);
        await networks.groups.remove(group.id);
        return { Return: true, GroupId: group.id };
      },
      async DescribeRouteTables(input, call) {
        permitList(call);
        noPaging(call, input);
        const fields = {
          'vpc-id': (vpc: VpcRecord) => vpc.id,
          'association.main': () => 'true',
          'route-table-id': (vpc: VpcRecord) => vpc.mainRouteTableId,
        };
        const vpcs = applyFilters(mine(networks.vpcs.values(), call), input.Filters, fields, call.operation);
        const wanted = vpcs.filter(
          ({ mainRouteTableId }) =>
            !input.RouteTableIds ||
            input.RouteTableIds.length === 0 ||
            input.RouteTableIds.includes(mainRouteTableId),
        );
        return { RouteTables: wanted.map(showMainRouteTable) };
      },
      async DescribeVpcPeeringConnections(_input, call) {
        permitList(call);
        return { VpcPeeringConnections: [] };
      },
      async DescribeVpcEndpoints(_input, call) {
        permitList(call);
        return { VpcEndpoints: [] };
      },
      async DescribeInternetGateways(_input, call) {
        permitList(call);
        return { InternetGateways: [] };
      },
      async DescribeNatGateways(_input, call) {
        permitList(call);
        return { NatGateways: [] };
      },
      async DescribeAvailabilityZones(_input, call) {
        permitList(call);
        return {
          AvailabilityZones: ['a', 'b', 'c'].map((zone) => ({
            ZoneName: call.region + zone,
            RegionName: call.region,
            State: 'available',
          })),
        };
      },
      async CreateTags({ Resources = [], Tags = [] }, call) {
        for (const id of Resources) await retag(id, call, (tags) => withTags(tags, Tags));
        return {};
      },
      async DeleteTags({ Resources = [], Tags = [] }, call) {
        for (const id of Resources)
          await retag(id, call, (tags) => tags.filter(({ Key }) => !Tags.some((tag) => tag.Key === Key)));
        return {};
      },
    },
  });

  async function retag(
    id: string,
    call: Call,
    change: (tags: readonly Tag[]) => readonly Tag[],
  ): Promise<void> {
    const vpc = networks.vpcs.get(id);
    const subnet = networks.subnetTable.get(id);
    const group = networks.groups.get(id);
    const type = vpc ? 'vpc' : subnet ? 'subnet' : 'security-group';
    permit(call, type, id);
    const owner = vpc ?? subnet ?? group;
    if (owner?.accountId !== call.accountId || owner.region !== call.region)
      throw missing('InvalidID', 'ID', id);
    if (vpc) await networks.vpcs.put(id, { ...vpc, tags: change(vpc.tags) });
    else if (subnet) await networks.subnetTable.put(id, { ...subnet, tags: change(subnet.tags) });
    else if (group) await networks.groups.put(id, { ...group, tags: change(group.tags) });
  }
}

const isDefault = (vpc: VpcRecord): string => String(vpc.isDefault);

function withTags(tags: readonly Tag[], added: readonly EC2.Tag[]): Tag[] {
  const merged = new Map(tags.map(({ Key, Value }) => [Key, Value]));
  for (const { Key = '', Value = '' } of added) merged.set(Key, Value);
  return [...merged].map(([Key, Value]) => ({ Key, Value }));
}

function checkSubnetBlock(cidr: string, vpc: VpcRecord, subnets: readonly SubnetRecord[]): void {
  const block = parseBlock(cidr);
  const outer = parseBlock(vpc.cidr);
  if (!block || !outer || block.bits < 16 || block.bits > 28 || !contains(outer, block)) {
    throw awsError({
      code: 'InvalidSubnet.Range',
      status: 400,
      message: `The CIDR '${cidr}' is invalid for the VPC block ${vpc.cidr}.`,
    });
  }
  for (const subnet of subnets) {
    const other = subnet.vpcId === vpc.id ? parseBlock(subnet.cidr) : undefined;
    if (other && overlap(block, other)) {
      throw awsError({
        code: 'InvalidSubnet.Conflict',
        status: 400,
        message: `The CIDR '${cidr}' conflicts with another subnet (${subnet.id}).`,
      });
    }
  }
}

function dependency(message: string): Error {
  return awsError({ code: 'DependencyViolation', status: 400, message });
}

function showVpc({ id, cidr, isDefault: isDefaultVpc, accountId, tags }: VpcRecord): EC2.Vpc {
  return {
    VpcId: id,
    CidrBlock: cidr,
    IsDefault: isDefaultVpc,
    OwnerId: accountId,
    State: 'available',
    InstanceTenancy: 'default',
    Tags: [...tags],
  };
}

function showSubnet({
  id,
  vpcId,
  cidr,
  availabilityZone,
  accountId,
  region,
  tags,
}: SubnetRecord): EC2.Subnet {
  return {
    SubnetId: id,
    VpcId: vpcId,
    CidrBlock: cidr,
    AvailabilityZone: availabilityZone,
    State: 'available',
    OwnerId: accountId,
    MapPublicIpOnLaunch: false,
    SubnetArn: `arn:aws:ec2:${region}:${accountId}:subnet/${id}`,
    Tags: [...tags],
  };
}

function showGroup(group: GroupRecord, groupArn: string): EC2.SecurityGroup {
  return {
    GroupId: group.id,
    GroupName: group.name,
    Description: group.description,
    VpcId: group.vpcId,
    OwnerId: group.accountId,
    SecurityGroupArn: groupArn,
    IpPermissions: showPermissions(group),
    // Databases here open no connections of their own, so nothing leaves; no egress rule is shown or can be added.
    IpPermissionsEgress: [],
    Tags: [...group.tags],
  };
}

function showMainRouteTable(vpc: VpcRecord): EC2.RouteTable {
  return {
    RouteTableId: vpc.mainRouteTableId,
    VpcId: vpc.id,
    OwnerId: vpc.accountId,
    Routes: [
      { DestinationCidrBlock: vpc.cidr, GatewayId: 'local', State: 'active', Origin: 'CreateRouteTable' },
    ],
    Associations: [
      {
        Main: true,
        RouteTableId: vpc.mainRouteTableId,
        RouteTableAssociationId: vpc.mainRouteTableId.replace('rtb', 'rtbassoc'),
      },
    ],
    Tags: [],
  };
}
