import type * as EC2 from '@aws-sdk/client-ec2';
import { together } from '../journal/table.ts';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import { invalidValue, type Ec2Context } from './context.ts';
import { applyFilters, pickIds, tagsFor } from './filters.ts';
import { newId } from './networks.ts';
import type { EndpointRecord } from './topology.ts';

const ANY_POLICY = JSON.stringify({
  Version: '2008-10-17',
  Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }],
});

/** VPC endpoints, to be seen: every service answers at one loopback address anyway, and endpoint policies decide nothing here. */
export function endpointHandlers(context: Ec2Context): Handlers<typeof EC2> {
  const { topology, clock, networks } = context;
  return {
    async CreateVpcEndpoint(input, call) {
      refuseMembers('ec2', 'CreateVpcEndpoint', input, [
        'ClientToken',
        'DnsOptions',
        'IpAddressType',
        'ResourceConfigurationArn',
        'ServiceNetworkArn',
        'ServiceRegion',
        'SubnetConfigurations',
      ]);
      context.permit(call, 'vpc-endpoint', '*');
      const vpc = context.vpcOf(input.VpcId, call);
      const type = input.VpcEndpointType ?? 'Gateway';
      const serviceName = input.ServiceName ?? '';
      const gatewayKind = /\.(s3|dynamodb)$/.test(serviceName);
      if (
        !serviceName.startsWith(`com.amazonaws.${call.region}.`) ||
        (type !== 'Interface' && type !== 'Gateway') ||
        (type === 'Gateway' && !gatewayKind)
      )
        throw invalidValue(
          `The Vpc Endpoint Service '${serviceName}' does not exist for endpoints of the type ${type}.`,
        );
      const tables = (input.RouteTableIds ?? []).map((id) => context.routeTableOf(id, call));
      const subnetIds = (input.SubnetIds ?? []).map((id) => context.subnetOf(id, call).id);
      const groupIds = (input.SecurityGroupIds ?? []).map((id) => context.groupOf(id, undefined, call).id);
      const { accountId, region } = call;
      const endpoint: EndpointRecord = {
        ...{ id: newId('vpce'), accountId, region, vpcId: vpc.id, serviceName, type, subnetIds, groupIds },
        ...{ policy: input.PolicyDocument ?? ANY_POLICY, routeTableIds: tables.map(({ id }) => id) },
        privateDns: type === 'Interface' && (input.PrivateDnsEnabled ?? true),
        createdAt: clock.now().toISOString(),
        tags: tagsFor('vpc-endpoint', input.TagSpecifications),
      };
      const route = {
        destination: `pl-${serviceName.split('.').at(-1) ?? ''}`,
        kind: 'endpoint',
        target: endpoint.id,
      } as const;
      const routed = type === 'Gateway' ? tables : [];
      await together(
        topology.endpoints.putting(endpoint.id, endpoint),
        ...routed.map((table) =>
          topology.tables.putting(table.id, { ...table, routes: [...table.routes, route] }),
        ),
      );
      networks.announce();
      return { VpcEndpoint: show(endpoint) };
    },
    async DeleteVpcEndpoints({ VpcEndpointIds = [] }, call) {
      const Unsuccessful: EC2.UnsuccessfulItem[] = [];
      for (const id of VpcEndpointIds) {
        context.permit(call, 'vpc-endpoint', id);
        const endpoint = topology.endpoints.get(id);
        if (endpoint?.accountId !== call.accountId || endpoint.region !== call.region) {
          const Message = `The Vpc Endpoint Id '${id}' does not exist`;
          Unsuccessful.push({ ResourceId: id, Error: { Code: 'InvalidVpcEndpoint.NotFound', Message } });
          continue;
        }
        const without = [...topology.tables.values()].flatMap((table) => {
          const routes = table.routes.filter(({ target }) => target !== id);
          if (routes.length === table.routes.length) return [];
          return [topology.tables.putting(table.id, { ...table, routes })];
        });
        await together(...without, topology.endpoints.removing(id));
      }
      return { Unsuccessful };
    },
    async DescribeVpcEndpoints(input, call) {
      context.permitList(call);
      const found = pickIds(
        context.mine(topology.endpoints.values(), call),
        input.VpcEndpointIds,
        'InvalidVpcEndpointId.NotFound',
        'Vpc Endpoint Id',
      );
      const fields = {
        'vpc-endpoint-id': ({ id }: EndpointRecord) => id,
        'vpc-id': ({ vpcId }: EndpointRecord) => vpcId,
        'service-name': ({ serviceName }: EndpointRecord) => serviceName,
        'vpc-endpoint-type': ({ type }: EndpointRecord) => type,
        'vpc-endpoint-state': () => 'available',
      };
      const { items, ...rest } = context.page(
        applyFilters(found, input.Filters, fields, call.operation),
        input,
      );
      return { VpcEndpoints: items.map(show), ...rest };
    },
  };
}

function show(endpoint: EndpointRecord): EC2.VpcEndpoint {
  return {
    VpcEndpointId: endpoint.id,
    VpcEndpointType: endpoint.type,
    VpcId: endpoint.vpcId,
    ServiceName: endpoint.serviceName,
    State: 'available' as never,
    PolicyDocument: endpoint.policy,
    RouteTableIds: [...endpoint.routeTableIds],
    SubnetIds: [...endpoint.subnetIds],
    Groups: endpoint.groupIds.map((GroupId) => ({ GroupId })),
    PrivateDnsEnabled: endpoint.privateDns,
    RequesterManaged: false,
    NetworkInterfaceIds: [],
    DnsEntries: [],
    CreationTimestamp: new Date(endpoint.createdAt),
    OwnerId: endpoint.accountId,
    Tags: [...endpoint.tags],
  };
}
