import type * as EC2 from '@aws-sdk/client-ec2';
import { together } from '../journal/table.ts';
import type { Change } from '../platform.ts';
import { awsError, refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { parseBlock } from './blocks.ts';
import { dependency, invalidValue, type Ec2Context } from './context.ts';
import { applyFilters, missing, pickIds, tagsFor } from './filters.ts';
import { newId } from './networks.ts';
import type { RouteRecord, RouteTableRecord } from './topology.ts';

const UNSUPPORTED = [
  'CarrierGatewayId',
  'CoreNetworkArn',
  'DestinationIpv6CidrBlock',
  'DestinationPrefixListId',
  'EgressOnlyInternetGatewayId',
  'InstanceId',
  'LocalGatewayId',
  'NetworkInterfaceId',
  'TransitGatewayId',
  'OdbNetworkArn',
];

/** Route tables: which way packets leave a subnet. */
export function routeHandlers(context: Ec2Context): Handlers<typeof EC2> {
  const { networks, topology } = context;
  const put = async (table: RouteTableRecord): Promise<void> => {
    await topology.tables.put(table.id, table);
    networks.announce();
  };
  const isMain = (table: RouteTableRecord): boolean =>
    networks.vpcRecord(table.vpcId)?.mainRouteTableId === table.id;
  const associationOf = (id: string | undefined, call: Call) => {
    for (const table of context.mine(topology.tables.values(), call)) {
      const association = table.associations.find((each) => each.id === id);
      if (association) return { table, association };
    }
    return undefined;
  };
  const freeing = (subnetId: string, call: Call): Change[] =>
    context.mine(topology.tables.values(), call).flatMap((table) => {
      const associations = table.associations.filter((each) => each.subnetId !== subnetId);
      if (associations.length === table.associations.length) return [];
      return [topology.tables.putting(table.id, { ...table, associations })];
    });

  return {
    async CreateRouteTable(input, call) {
      context.permit(call, 'route-table', '*');
      const vpc = context.vpcOf(input.VpcId, call);
      const { accountId, region } = call;
      const tags = tagsFor('route-table', input.TagSpecifications);
      const table = {
        id: newId('rtb'),
        accountId,
        region,
        vpcId: vpc.id,
        routes: [],
        associations: [],
        tags,
      };
      await put(table);
      return { RouteTable: show(table) };
    },
    async DeleteRouteTable({ RouteTableId }, call) {
      context.permit(call, 'route-table', RouteTableId ?? '');
      const table = context.routeTableOf(RouteTableId, call);
      if (isMain(table) || table.associations.length > 0)
        throw dependency(`The routeTable '${table.id}' has dependencies and cannot be deleted.`);
      await topology.tables.remove(table.id);
      networks.announce();
      return {};
    },
    async DescribeRouteTables(input, call) {
      context.permitList(call);
      const all = context.mine(networks.vpcs.values(), call).flatMap((vpc) => topology.tablesOf(vpc));
      const found = pickIds(all, input.RouteTableIds, 'InvalidRouteTableID.NotFound', 'routeTable ID');
      const filtered = applyFilters(
        found,
        input.Filters,
        {
          'vpc-id': ({ vpcId }) => vpcId,
          'owner-id': ({ accountId }) => accountId,
          'route-table-id': ({ id }) => id,
          'association.main': (table) => (isMain(table) ? ['true'] : ['false']),
          'association.subnet-id': ({ associations }) => associations.map(({ subnetId }) => subnetId),
          'association.route-table-id': ({ id }) => id,
          'association.route-table-association-id': ({ associations }) => associations.map(({ id }) => id),
          'route.destination-cidr-block': (table) => [
            networks.vpc(table.vpcId)?.cidr ?? '',
            ...table.routes.map(({ destination }) => destination),
          ],
          'route.gateway-id': ({ routes }) => ['local', ...targets(routes, ['gateway', 'endpoint'])],
          'route.nat-gateway-id': ({ routes }) => targets(routes, ['nat']),
          'route.vpc-peering-connection-id': ({ routes }) => targets(routes, ['peering']),
          'route.state': ({ routes }) => [
            'active',
            ...routes.map((route) => (topology.isBlackhole(route) ? 'blackhole' : 'active')),
          ],
        },
        call.operation,
      );
      const { items, ...rest } = context.page(filtered, input);
      return { RouteTables: items.map(show), ...rest };
    },
    async CreateRoute(input, call) {
      refuseMembers('ec2', 'CreateRoute', input, UNSUPPORTED);
      context.permit(call, 'route-table', input.RouteTableId ?? '');
      const table = context.routeTableOf(input.RouteTableId, call);
      const route = routeFrom(input, table, call);
      if (table.routes.some(({ destination }) => destination === route.destination))
        throw awsError({
          code: 'RouteAlreadyExists',
          status: 400,
          message: `The route identified by ${route.destination} already exists.`,
        });
      await put({ ...table, routes: [...table.routes, route] });
      return { Return: true };
    },
    async ReplaceRoute(input, call) {
      refuseMembers('ec2', 'ReplaceRoute', input, [...UNSUPPORTED, 'LocalTarget']);
      context.permit(call, 'route-table', input.RouteTableId ?? '');
      const table = context.routeTableOf(input.RouteTableId, call);
      const route = routeFrom(input, table, call);
      const others = withoutRoute(table, route.destination);
      await put({ ...table, routes: [...others, route] });
      return {};
    },
    async DeleteRoute(input, call) {
      refuseMembers('ec2', 'DeleteRoute', input, ['DestinationIpv6CidrBlock', 'DestinationPrefixListId']);
      context.permit(call, 'route-table', input.RouteTableId ?? '');
      const table = context.routeTableOf(input.RouteTableId, call);
      await put({ ...table, routes: withoutRoute(table, input.DestinationCidrBlock ?? '') });
      return {};
    },
    async AssociateRouteTable(input, call) {
      refuseMembers('ec2', 'AssociateRouteTable', input, ['GatewayId', 'PublicIpv4Pool']);
      context.permit(call, 'route-table', input.RouteTableId ?? '');
      const table = context.routeTableOf(input.RouteTableId, call);
      const subnet = context.subnetOf(input.SubnetId, call);
      if (subnet.vpcId !== table.vpcId)
        throw invalidValue(`Route table ${table.id} and subnet ${subnet.id} belong to different networks`);
      const known = table.associations.find(({ subnetId }) => subnetId === subnet.id);
      if (known) return { AssociationId: known.id, AssociationState: { State: 'associated' } };
      const taken = context
        .mine(topology.tables.values(), call)
        .some(({ associations }) => associations.some(({ subnetId }) => subnetId === subnet.id));
      if (taken)
        throw awsError({
          code: 'Resource.AlreadyAssociated',
          status: 400,
          message: `the specified association for route table ${table.id} conflicts with an existing association`,
        });
      const association = { id: newId('rtbassoc'), subnetId: subnet.id };
      await put({ ...table, associations: [...table.associations, association] });
      return { AssociationId: association.id, AssociationState: { State: 'associated' } };
    },
    async DisassociateRouteTable({ AssociationId }, call) {
      const found = associationOf(AssociationId, call);
      context.permit(call, 'route-table', found?.table.id ?? '*');
      if (!found) throw missing('InvalidAssociationID.NotFound', 'association ID', AssociationId);
      await together(...freeing(found.association.subnetId, call));
      networks.announce();
      return {};
    },
    async ReplaceRouteTableAssociation({ AssociationId, RouteTableId }, call) {
      context.permit(call, 'route-table', RouteTableId ?? '');
      const found = associationOf(AssociationId, call);
      const table = context.routeTableOf(RouteTableId, call);
      if (!found || found.table.vpcId !== table.vpcId)
        throw missing('InvalidAssociationID.NotFound', 'association ID', AssociationId);
      const { subnetId } = found.association;
      const association = { id: newId('rtbassoc'), subnetId };
      const kept = table.associations.filter((each) => each.subnetId !== subnetId);
      await together(
        ...freeing(subnetId, call),
        topology.tables.putting(table.id, { ...table, associations: [...kept, association] }),
      );
      networks.announce();
      return { NewAssociationId: association.id, AssociationState: { State: 'associated' } };
    },
  };

  function routeFrom(input: EC2.CreateRouteCommandInput, table: RouteTableRecord, call: Call): RouteRecord {
    const destination = input.DestinationCidrBlock ?? '';
    if (!parseBlock(destination))
      throw invalidValue(
        `Value (${destination}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.`,
      );
    if (destination === networks.vpc(table.vpcId)?.cidr)
      throw invalidValue(
        `The destination CIDR block ${destination} is equal to or more specific than one of this VPC's CIDR blocks.`,
      );
    const different = (id: string) =>
      invalidValue(`route table ${table.id} and network gateway ${id} belong to different networks`);
    const { GatewayId, NatGatewayId, VpcPeeringConnectionId } = input;
    if (GatewayId !== undefined) {
      const gateway = topology.internetGateways.get(GatewayId);
      context.own(gateway, call, 'InvalidInternetGatewayID.NotFound', 'internetGateway ID', GatewayId);
      if (gateway?.vpcId !== table.vpcId) throw different(GatewayId);
      return { destination, kind: 'gateway', target: GatewayId };
    }
    if (NatGatewayId !== undefined) {
      const gateway = topology.natGateways.get(NatGatewayId);
      context.own(gateway, call, 'NatGatewayNotFound', 'NAT gateway', NatGatewayId);
      if (gateway?.vpcId !== table.vpcId) throw different(NatGatewayId);
      return { destination, kind: 'nat', target: NatGatewayId };
    }
    if (VpcPeeringConnectionId !== undefined) {
      const peering = topology.peerings.get(VpcPeeringConnectionId);
      const ends = peering ? [peering.requester.vpcId, peering.accepter.vpcId] : [];
      if (!ends.includes(table.vpcId))
        throw missing(
          'InvalidVpcPeeringConnectionID.NotFound',
          'vpcPeeringConnection ID',
          VpcPeeringConnectionId,
        );
      return { destination, kind: 'peering', target: VpcPeeringConnectionId };
    }
    throw awsError({
      code: 'MissingParameter',
      status: 400,
      message:
        'The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, …',
    });
  }

  function show(table: RouteTableRecord): EC2.RouteTable {
    const vpc = networks.vpcRecord(table.vpcId);
    const main = isMain(table)
      ? [
          {
            Main: true,
            RouteTableId: table.id,
            RouteTableAssociationId: table.id.replace('rtb', 'rtbassoc'),
            AssociationState: { State: 'associated' as const },
          },
        ]
      : [];
    return {
      RouteTableId: table.id,
      VpcId: table.vpcId,
      OwnerId: table.accountId,
      Routes: [
        { DestinationCidrBlock: vpc?.cidr, GatewayId: 'local', State: 'active', Origin: 'CreateRouteTable' },
        ...table.routes.map(showRoute),
      ],
      Associations: [
        ...main,
        ...table.associations.map(({ id, subnetId }) => ({
          ...{ Main: false, RouteTableAssociationId: id, RouteTableId: table.id, SubnetId: subnetId },
          AssociationState: { State: 'associated' as const },
        })),
      ],
      PropagatingVgws: [],
      Tags: [...table.tags],
    };
  }

  function showRoute(route: RouteRecord): EC2.Route {
    const { destination, kind, target } = route;
    return {
      ...(kind === 'endpoint'
        ? { DestinationPrefixListId: destination }
        : { DestinationCidrBlock: destination }),
      ...(kind === 'gateway' || kind === 'endpoint' ? { GatewayId: target } : {}),
      ...(kind === 'nat' ? { NatGatewayId: target } : {}),
      ...(kind === 'peering' ? { VpcPeeringConnectionId: target } : {}),
      State: topology.isBlackhole(route) ? 'blackhole' : 'active',
      Origin: 'CreateRoute',
    };
  }
}

function targets(routes: readonly RouteRecord[], kinds: readonly RouteRecord['kind'][]): string[] {
  return routes.filter(({ kind }) => kinds.includes(kind)).map(({ target }) => target);
}

function withoutRoute(table: RouteTableRecord, destination: string): RouteRecord[] {
  const others = table.routes.filter((route) => route.destination !== destination);
  if (others.length < table.routes.length) return others;
  throw awsError({
    code: 'InvalidRoute.NotFound',
    status: 400,
    message: `no route with destination-cidr-block ${destination} in route table ${table.id}`,
  });
}
