import type * as EC2 from '@aws-sdk/client-ec2';
import { together } from '../journal/table.ts';
import { awsError, notImplemented, refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import { contains, overlap, parseBlock } from './blocks.ts';
import { dependency, invalidValue, type Ec2Context } from './context.ts';
import { applyFilters, pickIds, tagsFor } from './filters.ts';
import { newId, type SubnetRecord, type VpcRecord } from './networks.ts';

/** VPCs and their subnets. */
export function vpcHandlers(context: Ec2Context): Handlers<typeof EC2> {
  const { networks, topology } = context;
  return {
    async CreateVpc(input, call) {
      refuseMembers('ec2', 'CreateVpc', input, [
        'AmazonProvidedIpv6CidrBlock',
        'Ipv4IpamPoolId',
        'Ipv6CidrBlock',
      ]);
      context.permit(call, 'vpc', '*');
      if (input.CidrBlock === undefined) throw notImplemented('ec2', 'CreateVpc without CidrBlock');
      const tags = tagsFor('vpc', input.TagSpecifications);
      return { Vpc: showVpc(await networks.createVpc(call, input.CidrBlock, tags)) };
    },
    async CreateDefaultVpc(_input, call) {
      context.permit(call, 'vpc', '*');
      if (context.mine(networks.vpcs.values(), call).some(({ isDefault }) => isDefault))
        throw awsError({
          code: 'DefaultVpcAlreadyExists',
          status: 400,
          message: 'A Default VPC already exists for this account in this region.',
        });
      const { vpc } = await networks.defaultVpc(call);
      return { Vpc: showVpc(networks.vpcRecord(vpc.id) as VpcRecord) };
    },
    async DescribeVpcs(input, call) {
      context.permitList(call);
      const mine = context.mine(networks.vpcs.values(), call);
      const found = pickIds(mine, input.VpcIds, 'InvalidVpcID.NotFound', 'vpc ID');
      const isDefault = (vpc: VpcRecord): string => String(vpc.isDefault);
      const fields = {
        'vpc-id': (vpc: VpcRecord) => vpc.id,
        cidr: (vpc: VpcRecord) => vpc.cidr,
        'cidr-block-association.cidr-block': (vpc: VpcRecord) => vpc.cidr,
        'owner-id': (vpc: VpcRecord) => vpc.accountId,
        'is-default': isDefault,
        isDefault,
        state: () => 'available',
      };
      const { items, ...rest } = context.page(
        applyFilters(found, input.Filters, fields, call.operation),
        input,
      );
      return { Vpcs: items.map(showVpc), ...rest };
    },
    async DeleteVpc({ VpcId }, call) {
      context.permit(call, 'vpc', VpcId ?? '');
      const vpc = context.vpcOf(VpcId, call);
      context.refuseIfUsed(vpc.id);
      const groups = [...networks.groups.values()].filter(({ vpcId }) => vpcId === vpc.id);
      const isHere = ({ vpcId }: { readonly vpcId: string | undefined }): boolean => vpcId === vpc.id;
      const rest =
        [...networks.subnetTable.values()].some(isHere) ||
        groups.some(({ name }) => name !== 'default') ||
        [...topology.internetGateways.values()].some(isHere) ||
        [...topology.endpoints.values()].some(isHere) ||
        [...topology.natGateways.values()].some(
          (gateway) => isHere(gateway) && gateway.deletedAt === undefined,
        ) ||
        [...topology.tables.values()].some((table) => isHere(table) && table.id !== vpc.mainRouteTableId) ||
        [...topology.peerings.values()].some(
          ({ status, requester, accepter }) => status === 'active' && (isHere(requester) || isHere(accepter)),
        );
      if (rest) throw dependency(`The vpc '${vpc.id}' has dependencies and cannot be deleted.`);
      await together(
        networks.vpcs.removing(vpc.id),
        topology.tables.removing(vpc.mainRouteTableId),
        ...groups.map(({ id }) => networks.groups.removing(id)),
      );
      return {};
    },
    async DescribeVpcAttribute({ VpcId, Attribute }, call) {
      context.permit(call, 'vpc', VpcId ?? '');
      const vpc = context.vpcOf(VpcId, call);
      if (Attribute === 'enableDnsSupport') return { VpcId: vpc.id, EnableDnsSupport: { Value: true } };
      if (Attribute === 'enableDnsHostnames')
        return { VpcId: vpc.id, EnableDnsHostnames: { Value: vpc.isDefault } };
      throw notImplemented('ec2', `DescribeVpcAttribute of ${Attribute ?? ''}`);
    },
    async CreateSubnet(input, call) {
      refuseMembers('ec2', 'CreateSubnet', input, [
        'AvailabilityZoneId',
        'Ipv6CidrBlock',
        'Ipv6Native',
        'OutpostArn',
      ]);
      context.permit(call, 'subnet', '*');
      const vpc = context.vpcOf(input.VpcId, call);
      const cidr = input.CidrBlock ?? '';
      checkSubnetBlock(cidr, vpc, [...networks.subnetTable.values()]);
      const availabilityZone = input.AvailabilityZone ?? `${call.region}a`;
      if (!new RegExp(`^${call.region}[a-c]$`).test(availabilityZone))
        throw invalidValue(`Value (${availabilityZone}) for parameter availabilityZone is invalid.`);
      const { accountId, region } = call;
      const subnet: SubnetRecord = {
        ...{ id: newId('subnet'), accountId, region, vpcId: vpc.id, cidr, availabilityZone },
        tags: tagsFor('subnet', input.TagSpecifications),
      };
      await networks.subnetTable.put(subnet.id, subnet);
      return { Subnet: showSubnet(subnet) };
    },
    async DescribeSubnets(input, call) {
      context.permitList(call);
      const mine = context.mine(networks.subnetTable.values(), call);
      const found = pickIds(mine, input.SubnetIds, 'InvalidSubnetID.NotFound', 'subnet ID');
      const fields = {
        'vpc-id': (subnet: SubnetRecord) => subnet.vpcId,
        'subnet-id': (subnet: SubnetRecord) => subnet.id,
        'availability-zone': (subnet: SubnetRecord) => subnet.availabilityZone,
        'cidr-block': (subnet: SubnetRecord) => subnet.cidr,
        'owner-id': (subnet: SubnetRecord) => subnet.accountId,
        'map-public-ip-on-launch': () => 'false',
        state: () => 'available',
      };
      const { items, ...rest } = context.page(
        applyFilters(found, input.Filters, fields, call.operation),
        input,
      );
      return { Subnets: items.map(showSubnet), ...rest };
    },
    async DeleteSubnet({ SubnetId }, call) {
      context.permit(call, 'subnet', SubnetId ?? '');
      const subnet = context.subnetOf(SubnetId, call);
      context.refuseIfUsed(subnet.id);
      const used =
        [...topology.natGateways.values()].some(
          ({ subnetId, deletedAt }) => subnetId === subnet.id && deletedAt === undefined,
        ) || [...topology.endpoints.values()].some(({ subnetIds }) => subnetIds.includes(subnet.id));
      if (used) throw dependency(`The subnet '${subnet.id}' has dependencies and cannot be deleted.`);
      const without = [...topology.tables.values()].flatMap((table) => {
        const associations = table.associations.filter(({ subnetId }) => subnetId !== subnet.id);
        if (associations.length === table.associations.length) return [];
        return [topology.tables.putting(table.id, { ...table, associations })];
      });
      await together(...without, networks.subnetTable.removing(subnet.id));
      return {};
    },
  };
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

function showVpc({ id, cidr, isDefault, accountId, tags }: VpcRecord): EC2.Vpc {
  return {
    VpcId: id,
    CidrBlock: cidr,
    CidrBlockAssociationSet: [
      {
        AssociationId: id.replace('vpc-', 'vpc-cidr-assoc-'),
        CidrBlock: cidr,
        CidrBlockState: { State: 'associated' },
      },
    ],
    IsDefault: isDefault,
    OwnerId: accountId,
    State: 'available',
    InstanceTenancy: 'default',
    Tags: [...tags],
  };
}

/** AWS keeps five addresses of each subnet. */
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
    AvailableIpAddressCount: 2 ** (32 - (parseBlock(cidr)?.bits ?? 32)) - 5,
    State: 'available',
    OwnerId: accountId,
    DefaultForAz: false,
    MapPublicIpOnLaunch: false,
    AssignIpv6AddressOnCreation: false,
    SubnetArn: `arn:aws:ec2:${region}:${accountId}:subnet/${id}`,
    Tags: [...tags],
  };
}
