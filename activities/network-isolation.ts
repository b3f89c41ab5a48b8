import {
  DescribeInternetGatewaysCommand,
  DescribeNatGatewaysCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcEndpointsCommand,
  DescribeVpcPeeringConnectionsCommand,
  DescribeVpcsCommand,
  type EC2Client,
  type IpPermission,
  type Route as Ec2Route,
  type RouteTable,
} from '@aws-sdk/client-ec2';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { Admission, NetworkFacts, Route } from '../domain/isolation.ts';
import type { Policy } from '../domain/policy/schema.ts';
import { inAccount, type AwsClients } from './aws/clients.ts';
import { refuse } from './aws/errors.ts';
import { allPages } from './aws/pages.ts';
import { failure } from './failures.ts';

/** Where a copy stands: what its own description names. */
export interface Placement {
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}

/** What EC2 says about the network of a restored copy. Reads only. */
export function createNetworkActivities({ clients }: { clients: AwsClients }) {
  return {
    /** Routes, gateways, peerings, endpoints and admissions that are in effect for a copy, and as whom they were read. */
    async readNetwork({
      policy,
      placement,
    }: {
      policy: Policy;
      placement: Placement;
    }): Promise<{ network: NetworkFacts; caller: string }> {
      // EC2 takes an empty list of ids for "all of them": it would describe another network.
      if (
        placement.vpcId === '' ||
        placement.subnetIds.length === 0 ||
        placement.securityGroupIds.length === 0
      )
        throw failure('IsolationUnknown', 'RDS names no VPC, subnets or security groups of the copy.');
      const at = inAccount(policy, 'drill', policy.drill.region);
      try {
        const { Arn = 'unknown' } = await clients.sts(at).send(new GetCallerIdentityCommand({}));
        return { network: await describe(clients.ec2(at), placement), caller: Arn };
      } catch (error) {
        return refuse(error, {
          doing: `describe the network ${placement.vpcId}`,
          otherwise: 'IsolationUnknown',
          forget: clients.forget,
        });
      }
    },
  };
}

async function describe(
  ec2: EC2Client,
  { vpcId, subnetIds, securityGroupIds }: Placement,
): Promise<NetworkFacts> {
  const ofVpc = [{ Name: 'vpc-id', Values: [vpcId] }];
  const attached = [{ Name: 'attachment.vpc-id', Values: [vpcId] }];
  const [
    { Vpcs = [] },
    { Subnets = [] },
    tables,
    { SecurityGroups = [] },
    endpoints,
    internet,
    nat,
    peerings,
  ] = await Promise.all([
    ec2.send(new DescribeVpcsCommand({ VpcIds: [vpcId] })),
    ec2.send(new DescribeSubnetsCommand({ SubnetIds: [...subnetIds] })),
    allPages(async (token) => {
      const page = await ec2.send(new DescribeRouteTablesCommand({ Filters: ofVpc, ...next(token) }));
      return { items: page.RouteTables, next: page.NextToken };
    }),
    ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [...securityGroupIds] })),
    allPages(async (token) => {
      const page = await ec2.send(new DescribeVpcEndpointsCommand({ Filters: ofVpc, ...next(token) }));
      return { items: page.VpcEndpoints, next: page.NextToken };
    }),
    allPages(async (token) => {
      const page = await ec2.send(new DescribeInternetGatewaysCommand({ Filters: attached, ...next(token) }));
      return { items: page.InternetGateways, next: page.NextToken };
    }),
    allPages(async (token) => {
      const page = await ec2.send(new DescribeNatGatewaysCommand({ Filter: ofVpc, ...next(token) }));
      return { items: page.NatGateways, next: page.NextToken };
    }),
    allPages(async (token) => {
      const page = await ec2.send(new DescribeVpcPeeringConnectionsCommand({ ...next(token) }));
      return { items: page.VpcPeeringConnections, next: page.NextToken };
    }),
  ]);
  const vpc = Vpcs[0];
  const cidrs = [
    ...(vpc?.CidrBlockAssociationSet ?? []).map(({ CidrBlock }) => CidrBlock),
    ...(vpc?.Ipv6CidrBlockAssociationSet ?? []).map(({ Ipv6CidrBlock }) => Ipv6CidrBlock),
    vpc?.CidrBlock,
  ].filter((cidr) => cidr !== undefined);
  return {
    vpcId,
    cidrs: [...new Set(cidrs)].sort(),
    subnets: Subnets.map(({ SubnetId = '', CidrBlock = '' }) => ({ id: SubnetId, cidr: CidrBlock })),
    routes: tablesOf(subnetIds, tables).flatMap(routesOf),
    admits: SecurityGroups.flatMap(({ GroupId = '', IpPermissions = [] }) =>
      IpPermissions.flatMap((rule) => admissions(GroupId, rule)),
    ),
    peerings: peerings.flatMap(
      ({ VpcPeeringConnectionId = '', Status, RequesterVpcInfo, AccepterVpcInfo }) => {
        const ends = [RequesterVpcInfo, AccepterVpcInfo];
        if (!ends.some((end) => end?.VpcId === vpcId)) return [];
        const other = ends.find((end) => end?.VpcId !== vpcId);
        const where = `${other?.VpcId ?? 'unknown'} of ${other?.OwnerId ?? 'unknown'}`;
        return [{ id: VpcPeeringConnectionId, state: Status?.Code ?? 'unknown', with: where }];
      },
    ),
    gateways: [
      ...internet.map(({ InternetGatewayId = '' }) => InternetGatewayId),
      ...nat.filter(({ State }) => State !== 'deleted').map(({ NatGatewayId = '' }) => NatGatewayId),
    ],
    endpoints: endpoints.map(({ VpcEndpointId = '', ServiceName = '', VpcEndpointType = '' }) => ({
      id: VpcEndpointId,
      service: ServiceName,
      type: VpcEndpointType,
    })),
  };
}

const next = (NextToken: string | undefined) => (NextToken === undefined ? {} : { NextToken });

/** A subnet without a table of its own uses the VPC's main one. */
function tablesOf(subnetIds: readonly string[], tables: readonly RouteTable[]): RouteTable[] {
  const own = new Map<string, RouteTable>();
  for (const table of tables)
    for (const { SubnetId } of table.Associations ?? []) if (SubnetId !== undefined) own.set(SubnetId, table);
  const main = tables.find(({ Associations = [] }) => Associations.some(({ Main }) => Main === true));
  const used = subnetIds.map((id) => {
    const table = own.get(id) ?? main;
    if (table === undefined)
      throw failure('IsolationUnknown', `No route table of the subnet ${id} was described.`);
    return table;
  });
  return [...new Set(used)];
}

function routesOf({ RouteTableId = '', Routes = [] }: RouteTable): Route[] {
  return Routes.map((route) => ({
    routeTable: RouteTableId,
    destination:
      route.DestinationCidrBlock ??
      route.DestinationIpv6CidrBlock ??
      route.DestinationPrefixListId ??
      'unknown',
    target: targetOf(route),
    state: route.State ?? 'unknown',
  }));
}

function targetOf(route: Ec2Route): string {
  return (
    route.GatewayId ??
    route.NatGatewayId ??
    route.VpcPeeringConnectionId ??
    route.TransitGatewayId ??
    route.EgressOnlyInternetGatewayId ??
    route.NetworkInterfaceId ??
    route.InstanceId ??
    route.LocalGatewayId ??
    route.CarrierGatewayId ??
    route.CoreNetworkArn ??
    'unknown'
  );
}

function admissions(securityGroup: string, rule: IpPermission): Admission[] {
  const protocol = rule.IpProtocol === '-1' ? 'every protocol' : (rule.IpProtocol ?? 'unknown');
  const range = rule.FromPort === rule.ToPort ? `${rule.FromPort ?? ''}` : `${rule.FromPort}-${rule.ToPort}`;
  const ports = rule.FromPort === undefined ? protocol : `${protocol} ${range}`;
  const sources = [
    ...(rule.IpRanges ?? []).map(({ CidrIp }) => CidrIp),
    ...(rule.Ipv6Ranges ?? []).map(({ CidrIpv6 }) => CidrIpv6),
    ...(rule.PrefixListIds ?? []).map(({ PrefixListId }) => PrefixListId),
    ...(rule.UserIdGroupPairs ?? []).map(({ GroupId }) => GroupId),
  ];
  return sources.filter((from) => from !== undefined).map((from) => ({ securityGroup, ports, from }));
}
