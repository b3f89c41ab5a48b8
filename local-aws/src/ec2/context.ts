import type { Authorizer } from '../auth/authorize.ts';
import { pageBy } from '../paging.ts';
import type { Clock, ConditionContext, Place } from '../platform.ts';
import { awsError } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import { missing } from './filters.ts';
import type { GroupRecord, Networks, SubnetRecord, Tag, VpcRecord } from './networks.ts';
import type { RouteTableRecord, Topology } from './topology.ts';

export interface Ec2Parts {
  readonly networks: Networks;
  readonly authorize: Authorizer['authorize'];
  readonly clock: Clock;
}

/** What handlers share: whose things they are, rights, and pages. */
export class Ec2Context {
  readonly networks: Networks;
  readonly topology: Topology;
  readonly clock: Clock;
  private readonly authorize: Authorizer['authorize'];

  constructor({ networks, authorize, clock }: Ec2Parts) {
    this.networks = networks;
    this.topology = networks.topology;
    this.authorize = authorize;
    this.clock = clock;
  }

  mine<T extends Place>(items: Iterable<T>, call: Call): T[] {
    return [...items].filter(
      ({ accountId, region }) => accountId === call.accountId && region === call.region,
    );
  }

  arn(call: Place, type: string, id: string): string {
    return `arn:aws:ec2:${call.region}:${call.accountId}:${type}/${id}`;
  }

  permit(
    call: Call,
    type: string,
    id: string,
    thing: { readonly tags: readonly Tag[] } | undefined = this.tagged(id),
  ): void {
    this.authorize(call, `ec2:${call.operation}`, this.arn(call, type, id), tagConditions(thing?.tags));
  }

  permitList(call: Call): void {
    this.authorize(call, `ec2:${call.operation}`, '*', {}, { ownerAccountId: call.accountId });
  }

  vpcOf(id: string | undefined, call: Call): VpcRecord {
    return this.own(this.networks.vpcs.get(id ?? ''), call, 'InvalidVpcID.NotFound', 'vpc ID', id);
  }

  subnetOf(id: string | undefined, call: Call): SubnetRecord {
    return this.own(
      this.networks.subnetTable.get(id ?? ''),
      call,
      'InvalidSubnetID.NotFound',
      'subnet ID',
      id,
    );
  }

  groupOf(id: string | undefined, name: string | undefined, call: Call): GroupRecord {
    const groups = this.mine(this.networks.groups.values(), call);
    const group =
      id === undefined
        ? groups.find((each) => each.name === name && this.networks.vpc(each.vpcId)?.isDefault)
        : groups.find((each) => each.id === id);
    if (!group) throw missing('InvalidGroup.NotFound', 'security group', id ?? name);
    return group;
  }

  routeTableOf(id: string | undefined, call: Call): RouteTableRecord {
    const main = this.mine(this.networks.vpcs.values(), call).find(
      ({ mainRouteTableId }) => mainRouteTableId === id,
    );
    const table = main ? this.topology.mainTable(main) : this.topology.tables.get(id ?? '');
    return this.own(table, call, 'InvalidRouteTableID.NotFound', 'routeTable ID', id);
  }

  /** @throws the code that EC2 has for things of this type that do not exist, or belong to others */
  own<T extends Place>(
    thing: T | undefined,
    call: Call,
    code: string,
    what: string,
    id: string | undefined,
  ): T {
    if (thing?.accountId === call.accountId && thing.region === call.region) return thing;
    throw missing(code, what, id);
  }

  refuseIfUsed(id: string): void {
    const reason = this.networks.dependencyOf(id);
    if (reason !== undefined) throw dependency(`resource ${id} has a dependent object: ${reason}`);
  }

  /** Pages only where they are asked for; otherwise everything, in order of making. */
  page<T extends { readonly id: string }>(
    items: readonly T[],
    { MaxResults, NextToken }: { MaxResults?: number | undefined; NextToken?: string | undefined },
  ): { items: T[]; NextToken?: string } {
    if (MaxResults === undefined && NextToken === undefined) return { items: [...items] };
    const limit = MaxResults ?? 1000;
    if (limit < 5 || limit > 1000)
      throw invalidValue(
        `Value ( ${limit} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.`,
      );
    const refuse = () =>
      awsError({
        code: 'InvalidPaginationToken',
        status: 400,
        message: 'The pagination token is not valid.',
      });
    const page = pageBy(items, ({ id }) => id, { limit, token: NextToken, refuse });
    return { items: page.items, ...(page.next === undefined ? {} : { NextToken: page.next }) };
  }

  private tagged(id: string): { readonly tags: readonly Tag[] } | undefined {
    return this.taggedTables()
      .map((table) => table.get(id))
      .find((thing) => thing !== undefined);
  }

  /** Everything that can carry tags, by id prefix. */
  taggedTables() {
    const { vpcs, subnetTable, groups, topology } = this.networks;
    const { tables, internetGateways, natGateways, peerings, endpoints } = topology;
    return [vpcs, subnetTable, groups, tables, internetGateways, natGateways, peerings, endpoints];
  }
}

function tagConditions(tags: readonly Tag[] = []): ConditionContext {
  return {
    ...Object.fromEntries(tags.map(({ Key, Value }) => [`aws:ResourceTag/${Key}`, Value])),
    ...Object.fromEntries(tags.map(({ Key, Value }) => [`ec2:ResourceTag/${Key}`, Value])),
  };
}

export function dependency(message: string): Error {
  return awsError({ code: 'DependencyViolation', status: 400, message });
}

export function invalidValue(message: string): Error {
  return awsError({ code: 'InvalidParameterValue', status: 400, message });
}
