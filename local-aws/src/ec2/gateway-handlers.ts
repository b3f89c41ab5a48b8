import type * as EC2 from '@aws-sdk/client-ec2';
import { awsError, refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { dependency, type Ec2Context } from './context.ts';
import { applyFilters, pickIds, tagsFor } from './filters.ts';
import { newId } from './networks.ts';
import type { InternetGatewayRecord, NatGatewayRecord } from './topology.ts';

/** Ways out of a VPC. Nothing leaves this computer through them: they are there to be seen, and to break isolation proofs. */
export function gatewayHandlers(context: Ec2Context): Handlers<typeof EC2> {
  const { topology, networks, clock } = context;
  const gatewayOf = (id: string | undefined, call: Call): InternetGatewayRecord =>
    context.own(
      topology.internetGateways.get(id ?? ''),
      call,
      'InvalidInternetGatewayID.NotFound',
      'internetGateway ID',
      id,
    );
  return {
    async CreateInternetGateway(input, call) {
      context.permit(call, 'internet-gateway', '*');
      const { accountId, region } = call;
      const tags = tagsFor('internet-gateway', input.TagSpecifications);
      const gateway = { id: newId('igw'), accountId, region, vpcId: undefined, tags };
      await topology.internetGateways.put(gateway.id, gateway);
      return { InternetGateway: showGateway(gateway) };
    },
    async AttachInternetGateway({ InternetGatewayId, VpcId }, call) {
      context.permit(call, 'internet-gateway', InternetGatewayId ?? '');
      const gateway = gatewayOf(InternetGatewayId, call);
      const vpc = context.vpcOf(VpcId, call);
      if (gateway.vpcId !== undefined)
        throw awsError({
          code: 'Resource.AlreadyAssociated',
          status: 400,
          message: `resource ${gateway.id} is already attached to network ${gateway.vpcId}`,
        });
      if ([...topology.internetGateways.values()].some(({ vpcId }) => vpcId === vpc.id))
        throw awsError({
          code: 'InvalidParameterValue',
          status: 400,
          message: `Network ${vpc.id} already has an internet gateway attached`,
        });
      await topology.internetGateways.put(gateway.id, { ...gateway, vpcId: vpc.id });
      return {};
    },
    async DetachInternetGateway({ InternetGatewayId, VpcId }, call) {
      context.permit(call, 'internet-gateway', InternetGatewayId ?? '');
      const gateway = gatewayOf(InternetGatewayId, call);
      if (gateway.vpcId === undefined || gateway.vpcId !== VpcId)
        throw awsError({
          code: 'Gateway.NotAttached',
          status: 400,
          message: `resource ${gateway.id} is not attached to network ${VpcId ?? ''}`,
        });
      await topology.internetGateways.put(gateway.id, { ...gateway, vpcId: undefined });
      return {};
    },
    async DeleteInternetGateway({ InternetGatewayId }, call) {
      context.permit(call, 'internet-gateway', InternetGatewayId ?? '');
      const gateway = gatewayOf(InternetGatewayId, call);
      if (gateway.vpcId !== undefined)
        throw dependency(`The internetGateway '${gateway.id}' has dependencies and cannot be deleted.`);
      await topology.internetGateways.remove(gateway.id);
      return {};
    },
    async DescribeInternetGateways(input, call) {
      context.permitList(call);
      const found = pickIds(
        context.mine(topology.internetGateways.values(), call),
        input.InternetGatewayIds,
        'InvalidInternetGatewayID.NotFound',
        'internetGateway ID',
      );
      const fields = {
        'internet-gateway-id': ({ id }: InternetGatewayRecord) => id,
        'owner-id': ({ accountId }: InternetGatewayRecord) => accountId,
        'attachment.vpc-id': ({ vpcId }: InternetGatewayRecord) => (vpcId === undefined ? [] : [vpcId]),
        'attachment.state': ({ vpcId }: InternetGatewayRecord) => (vpcId === undefined ? [] : ['available']),
      };
      const { items, ...rest } = context.page(
        applyFilters(found, input.Filters, fields, call.operation),
        input,
      );
      return { InternetGateways: items.map(showGateway), ...rest };
    },
    async CreateNatGateway(input, call) {
      refuseMembers('ec2', 'CreateNatGateway', input, [
        'AvailabilityMode',
        'PrivateIpAddress',
        'SecondaryAllocationIds',
        'SecondaryPrivateIpAddresses',
        'SecondaryPrivateIpAddressCount',
        'VpcId',
      ]);
      context.permit(call, 'natgateway', '*');
      const subnet = context.subnetOf(input.SubnetId, call);
      const { accountId, region } = call;
      // The SDK sends a token with every attempt of one request.
      const repeated = context
        .mine(topology.natGateways.values(), call)
        .find(({ token }) => token !== undefined && token === input.ClientToken);
      if (repeated) return { NatGateway: showNat(repeated), ClientToken: input.ClientToken };
      const gateway: NatGatewayRecord = {
        ...{ id: newId('nat'), accountId, region, vpcId: subnet.vpcId, subnetId: subnet.id },
        connectivity: input.ConnectivityType ?? 'public',
        ...{ createdAt: clock.now().toISOString(), deletedAt: undefined, token: input.ClientToken },
        tags: tagsFor('natgateway', input.TagSpecifications),
      };
      await topology.natGateways.put(gateway.id, gateway);
      return { NatGateway: showNat(gateway) };
    },
    async DeleteNatGateway({ NatGatewayId = '' }, call) {
      context.permit(call, 'natgateway', NatGatewayId);
      const known = topology.natGateways.get(NatGatewayId);
      const gateway = context.own(known, call, 'NatGatewayNotFound', 'NAT gateway', NatGatewayId);
      await topology.natGateways.put(gateway.id, { ...gateway, deletedAt: clock.now().toISOString() });
      return { NatGatewayId: gateway.id };
    },
    async DescribeNatGateways(input, call) {
      context.permitList(call);
      // A deleted one stays to be seen for an hour.
      const recent = new Date(clock.now().getTime() - 3_600_000).toISOString();
      const all = context
        .mine(topology.natGateways.values(), call)
        .filter(({ deletedAt }) => deletedAt === undefined || deletedAt > recent);
      const found = pickIds(all, input.NatGatewayIds, 'NatGatewayNotFound', 'NAT gateway');
      const fields = {
        'nat-gateway-id': ({ id }: NatGatewayRecord) => id,
        'vpc-id': ({ vpcId }: NatGatewayRecord) => vpcId,
        'subnet-id': ({ subnetId }: NatGatewayRecord) => subnetId,
        state: ({ deletedAt }: NatGatewayRecord) => (deletedAt === undefined ? 'available' : 'deleted'),
      };
      const { items, ...rest } = context.page(
        applyFilters(found, input.Filter, fields, call.operation),
        input,
      );
      return { NatGateways: items.map(showNat), ...rest };
    },
    async DescribeEgressOnlyInternetGateways(_input, call) {
      context.permitList(call);
      return { EgressOnlyInternetGateways: [] };
    },
    async DescribeVpnGateways(_input, call) {
      context.permitList(call);
      return { VpnGateways: [] };
    },
    async DescribeTransitGatewayVpcAttachments(_input, call) {
      context.permitList(call);
      return { TransitGatewayVpcAttachments: [] };
    },
  };

  function showNat(gateway: NatGatewayRecord): EC2.NatGateway {
    return {
      NatGatewayId: gateway.id,
      VpcId: gateway.vpcId,
      SubnetId: gateway.subnetId,
      State: gateway.deletedAt === undefined ? 'available' : 'deleted',
      ConnectivityType: gateway.connectivity,
      CreateTime: new Date(gateway.createdAt),
      ...(gateway.deletedAt === undefined ? {} : { DeleteTime: new Date(gateway.deletedAt) }),
      NatGatewayAddresses: [],
      Tags: [...gateway.tags],
    };
  }

  function showGateway(gateway: InternetGatewayRecord): EC2.InternetGateway {
    const attached = gateway.vpcId !== undefined && networks.vpc(gateway.vpcId);
    return {
      InternetGatewayId: gateway.id,
      OwnerId: gateway.accountId,
      Attachments: attached ? [{ State: 'available' as never, VpcId: gateway.vpcId }] : [],
      Tags: [...gateway.tags],
    };
  }
}
