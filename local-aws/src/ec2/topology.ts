import type { Place, Table } from '../platform.ts';
import { contains, overlap, parseBlock, type Block } from './blocks.ts';
import type { Tag, VpcRecord } from './networks.ts';

interface Thing extends Place {
  readonly id: string;
  readonly tags: readonly Tag[];
}

/** A route beside the local one, which every table has. */
export interface RouteRecord {
  /** A CIDR block, or the id of a prefix list. */
  readonly destination: string;
  readonly kind: 'gateway' | 'nat' | 'peering' | 'endpoint';
  /** Id of the gateway, peering or endpoint. */
  readonly target: string;
}

export interface RouteTableRecord extends Thing {
  readonly vpcId: string;
  readonly routes: readonly RouteRecord[];
  /** Subnets that use it by name; all others use the main table. */
  readonly associations: readonly { readonly id: string; readonly subnetId: string }[];
}

export interface InternetGatewayRecord extends Thing {
  readonly vpcId: string | undefined;
}

export interface NatGatewayRecord extends Thing {
  readonly vpcId: string;
  readonly subnetId: string;
  readonly connectivity: 'public' | 'private';
  readonly createdAt: string;
  readonly deletedAt: string | undefined;
  readonly token?: string | undefined;
}

export interface PeerRecord extends Place {
  readonly vpcId: string;
  readonly cidr: string;
}

/** Belongs to the requester's place, and is seen from the accepter's, too. */
export interface PeeringRecord extends Thing {
  readonly requester: PeerRecord;
  readonly accepter: PeerRecord;
  readonly status: 'pending-acceptance' | 'active' | 'rejected' | 'deleted';
}

export interface EndpointRecord extends Thing {
  readonly vpcId: string;
  readonly serviceName: string;
  readonly type: 'Gateway' | 'Interface';
  readonly policy: string;
  readonly routeTableIds: readonly string[];
  readonly subnetIds: readonly string[];
  readonly groupIds: readonly string[];
  readonly privateDns: boolean;
  readonly createdAt: string;
}

/** How VPCs are joined with each other and with the world. */
export interface Topology {
  readonly tables: Table<RouteTableRecord>;
  readonly internetGateways: Table<InternetGatewayRecord>;
  readonly natGateways: Table<NatGatewayRecord>;
  readonly peerings: Table<PeeringRecord>;
  readonly endpoints: Table<EndpointRecord>;
  /** The main table has no record until somebody changes it. */
  mainTable(vpc: VpcRecord): RouteTableRecord;
  tablesOf(vpc: VpcRecord): RouteTableRecord[];
  isBlackhole(route: RouteRecord): boolean;
  /** Whether packets get from one VPC to the other and back: an active peering, and a route to it on both sides. */
  joined(a: VpcRecord, b: VpcRecord): boolean;
}

type TopologyTables = Pick<
  Topology,
  'tables' | 'internetGateways' | 'natGateways' | 'peerings' | 'endpoints'
>;

export function createTopology(stored: TopologyTables): Topology {
  const { tables, internetGateways, natGateways, peerings, endpoints } = stored;
  const topology: Topology = {
    ...stored,
    mainTable(vpc) {
      const { accountId, region, id: vpcId } = vpc;
      const fresh = {
        accountId,
        region,
        vpcId,
        id: vpc.mainRouteTableId,
        routes: [],
        associations: [],
        tags: [],
      };
      return tables.get(vpc.mainRouteTableId) ?? fresh;
    },
    tablesOf: (vpc) => [
      topology.mainTable(vpc),
      ...[...tables.values()].filter(({ vpcId, id }) => vpcId === vpc.id && id !== vpc.mainRouteTableId),
    ],
    isBlackhole({ kind, target }) {
      switch (kind) {
        case 'gateway':
          return internetGateways.get(target)?.vpcId === undefined;
        case 'nat':
          return natGateways.get(target)?.deletedAt !== undefined || !natGateways.has(target);
        case 'peering':
          return peerings.get(target)?.status !== 'active';
        case 'endpoint':
          return !endpoints.has(target);
      }
    },
    joined: (a, b) =>
      [...peerings.values()].some(
        ({ id, status, requester, accepter }) =>
          status === 'active' &&
          [requester.vpcId, accepter.vpcId].includes(a.id) &&
          [requester.vpcId, accepter.vpcId].includes(b.id) &&
          routed(a, b, id) &&
          routed(b, a, id),
      ),
  };
  const routed = (from: VpcRecord, to: VpcRecord, peering: string): boolean =>
    topology
      .tablesOf(from)
      .some(({ routes }) =>
        routes.some(
          ({ target, destination }) => target === peering && meet(destination, to.cidr) !== undefined,
        ),
      );
  return topology;
}

/** What two blocks have in common: blocks are nested or apart, so it is the smaller one or nothing. */
export function meet(left: string, right: string): string | undefined {
  const [a, b] = [parseBlock(left), parseBlock(right)];
  if (!a || !b || !overlap(a, b)) return undefined;
  return contains(a, b) ? right : left;
}

/**
 * Blocks that a rule for `cidr` really lets in. A block that belongs to other VPCs means only those that are joined with this
 * one; a block of no VPC stands for what comes through a private line, and stays as it is.
 */
export function effectiveBlocks(
  cidr: string,
  vpc: VpcRecord,
  vpcs: Iterable<VpcRecord>,
  topology: Topology,
): string[] {
  const rule = parseBlock(cidr);
  if (!rule || rule.bits === 0) return [cidr];
  const others = [...vpcs].filter((other) => other.id !== vpc.id && overlaps(rule, other.cidr));
  if (others.length === 0) return [cidr];
  const joined = others.filter((other) => topology.joined(vpc, other));
  return [vpc, ...joined].flatMap((each) => meet(cidr, each.cidr) ?? []);
}

function overlaps(block: Block, cidr: string): boolean {
  const other = parseBlock(cidr);
  return other !== undefined && overlap(block, other);
}
