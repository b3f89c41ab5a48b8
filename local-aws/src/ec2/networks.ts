import { randomBytes } from 'node:crypto';
import { together } from '../journal/table.ts';
import type {
  Change,
  IngressRule,
  InterfaceFacts,
  NetworkAccess,
  Place,
  SecurityGroupFacts,
  SubnetFacts,
  Table,
  Tables,
  VpcFacts,
} from '../platform.ts';
import { awsError } from '../wire/errors.ts';
import { overlap, parseBlock } from './blocks.ts';
import { createTopology, effectiveBlocks, type Topology } from './topology.ts';

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export interface VpcRecord extends VpcFacts {
  readonly tags: readonly Tag[];
  readonly mainRouteTableId: string;
}

export interface SubnetRecord extends SubnetFacts {
  readonly tags: readonly Tag[];
}

/** One ingress permission; exactly one of `cidr` and `peerGroupId`. */
export interface Permission {
  readonly ruleId: string;
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidr: string | undefined;
  readonly peerGroupId: string | undefined;
  readonly description: string | undefined;
}

export interface GroupRecord extends Place {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly permissions: readonly Permission[];
  /** What may go out; absent: everything, as every new group has it. */
  readonly egress?: readonly Permission[];
  readonly tags: readonly Tag[];
}

export function egressOf({ id, egress }: GroupRecord): readonly Permission[] {
  const everything = { protocol: '-1', fromPort: 0, toPort: 65_535, cidr: '0.0.0.0/0' };
  const ruleId = id.replace('sg-', 'sgr-');
  return egress ?? [{ ...everything, ruleId, peerGroupId: undefined, description: undefined }];
}

/** VPCs, subnets and groups of all accounts; ids are unique everywhere. */
export interface Networks extends NetworkAccess {
  readonly vpcs: Table<VpcRecord>;
  readonly subnetTable: Table<SubnetRecord>;
  readonly groups: Table<GroupRecord>;
  readonly topology: Topology;
  vpcRecord(id: string): VpcRecord | undefined;
  /** Network interfaces of databases. */
  interfaces(): readonly InterfaceFacts[];
  /** To be called when routes or peerings have changed: what groups let in may have, too. */
  announce(): void;
  createVpc(where: Place, cidr: string, tags: readonly Tag[], isDefault?: boolean): Promise<VpcRecord>;
  putGroup(group: GroupRecord): Promise<void>;
  /** What keeps `id` from being deleted, or undefined. */
  dependencyOf(id: string): string | undefined;
}

export const newId = (prefix: string): string => `${prefix}-0${randomBytes(8).toString('hex')}`;

const RESERVED_FOR_DEFAULTS = { first: 200, last: 254 };

/** They share a journal. */
export const EC2_TABLES = [
  ...(['vpcs', 'subnets', 'groups', 'route-tables', 'internet-gateways'] as const),
  ...(['nat-gateways', 'peerings', 'endpoints'] as const),
] as const;

export function createNetworks(stored: Tables<(typeof EC2_TABLES)[number]>): Networks {
  const vpcs = stored.table<VpcRecord>('vpcs');
  const subnetTable = stored.table<SubnetRecord>('subnets');
  const groups = stored.table<GroupRecord>('groups');
  const topology = createTopology({
    tables: stored.table('route-tables'),
    internetGateways: stored.table('internet-gateways'),
    natGateways: stored.table('nat-gateways'),
    peerings: stored.table('peerings'),
    endpoints: stored.table('endpoints'),
  });
  const providers: (() => readonly InterfaceFacts[])[] = [];
  const listeners: ((id: string) => void)[] = [];
  const dependencies: ((id: string) => string | undefined)[] = [];
  const makingDefault = new Map<string, ReturnType<NetworkAccess['defaultVpc']>>();

  const networks: Networks = {
    vpcs,
    subnetTable,
    groups,
    topology,
    vpcRecord: (id) => vpcs.get(id),
    interfaces: () => providers.flatMap((list) => list()),
    addInterfaces: (list) => void providers.push(list),
    announce() {
      for (const id of groups.keys()) for (const listener of listeners) listener(id);
    },
    vpc: (id) => vpcs.get(id),
    subnet: (id) => subnetTable.get(id),
    subnets: (ids) => ids.map((id) => subnetTable.get(id)).filter((subnet) => subnet !== undefined),
    securityGroup(id) {
      const group = groups.get(id);
      if (!group) return undefined;
      const { accountId, region, name, vpcId } = group;
      return {
        id,
        accountId,
        region,
        name,
        vpcId,
        ingress: group.permissions.flatMap((permission) => resolveRule(group, permission)),
      } satisfies SecurityGroupFacts;
    },
    async createVpc(where, cidr, tags, isDefault = false) {
      checkVpcBlock(cidr, vpcs.values());
      const { accountId, region } = where;
      const id = newId('vpc');
      const vpc: VpcRecord = { id, accountId, region, cidr, isDefault, tags, mainRouteTableId: newId('rtb') };
      const groupId = newId('sg');
      const itself: Permission = {
        ruleId: newId('sgr'),
        protocol: '-1',
        fromPort: 0,
        toPort: 65_535,
        cidr: undefined,
        peerGroupId: groupId,
        description: undefined,
      };
      const group: GroupRecord = {
        id: groupId,
        accountId,
        region,
        name: 'default',
        description: 'default VPC security group',
        vpcId: id,
        permissions: [itself],
        tags: [],
      };
      await together(
        vpcs.putting(id, vpc),
        groups.putting(groupId, group),
        ...(isDefault ? defaultSubnets(vpc) : []),
      );
      return vpc;
    },
    async putGroup(group) {
      await groups.put(group.id, group);
      for (const listener of listeners) listener(group.id);
    },
    defaultVpc(where) {
      const key = `${where.accountId}/${where.region}`;
      let making = makingDefault.get(key);
      if (!making) {
        making = findOrMakeDefault(where).finally(() => makingDefault.delete(key));
        makingDefault.set(key, making);
      }
      return making;
    },
    onSecurityGroupChanged: (listener) => void listeners.push(listener),
    addDependency: (inUse) => void dependencies.push(inUse),
    dependencyOf(id) {
      for (const inUse of dependencies) {
        const reason = inUse(id);
        if (reason !== undefined) return reason;
      }
      return undefined;
    },
  };

  /** A peer that is gone, or a VPC that is not joined with this one, lets nobody in. */
  function resolveRule(group: GroupRecord, permission: Permission): IngressRule[] {
    const { protocol, fromPort, toPort, peerGroupId } = permission;
    const peer = peerGroupId === undefined ? undefined : groups.get(peerGroupId);
    const cidr = permission.cidr ?? (peer && vpcs.get(peer.vpcId)?.cidr);
    const vpc = vpcs.get(group.vpcId);
    if (cidr === undefined || !vpc) return [];
    const blocks = effectiveBlocks(cidr, vpc, vpcs.values(), topology);
    return blocks.map((block) => ({ protocol, fromPort, toPort, cidr: block }));
  }

  async function findOrMakeDefault(where: Place): ReturnType<NetworkAccess['defaultVpc']> {
    const known = [...vpcs.values()].find(
      (vpc) => vpc.isDefault && vpc.accountId === where.accountId && vpc.region === where.region,
    );
    const vpc = known ?? (await networks.createVpc(where, freeDefaultBlock(), [], true));
    if (![...subnetTable.values()].some(({ vpcId }) => vpcId === vpc.id))
      await together(...defaultSubnets(vpc));
    const subnets = [...subnetTable.values()].filter(({ vpcId }) => vpcId === vpc.id);
    const group = [...groups.values()].find(({ vpcId, name }) => vpcId === vpc.id && name === 'default');
    if (!group) throw new Error(`The default VPC ${vpc.id} has lost its default security group.`);
    return { vpc, subnets, securityGroupId: group.id };
  }

  function defaultSubnets({ id: vpcId, accountId, region, cidr }: VpcRecord): Change[] {
    const second = cidr.split('.')[1] ?? '';
    return (['a', 'b'] as const).map((zone, index) => {
      const id = newId('subnet');
      const place = { id, accountId, region, vpcId, availabilityZone: `${region}${zone}` };
      return subnetTable.putting(id, { ...place, cidr: `10.${second}.${index * 16}.0/20`, tags: [] });
    });
  }

  function freeDefaultBlock(): string {
    const taken = [...vpcs.values()]
      .map(({ cidr }) => parseBlock(cidr))
      .filter((block) => block !== undefined);
    for (let second = RESERVED_FOR_DEFAULTS.first; second <= RESERVED_FOR_DEFAULTS.last; second += 1) {
      const cidr = `10.${second}.0.0/16`;
      const block = parseBlock(cidr);
      if (block && !taken.some((other) => overlap(block, other))) return cidr;
    }
    throw awsError({
      code: 'VpcLimitExceeded',
      status: 400,
      message: 'No block from 10.200.0.0/16 to 10.254.0.0/16 is left for a default VPC.',
    });
  }

  return networks;
}

/** 10.a.b.c is the loopback address 127.a.b.c here, so blocks must lie in 10.0.0.0/8 and may not overlap, even between accounts. */
function checkVpcBlock(cidr: string, existing: Iterable<VpcRecord>): void {
  const block = parseBlock(cidr);
  const all = parseBlock('10.0.0.0/8');
  if (!block || block.bits < 16 || block.bits > 28) {
    throw awsError({
      code: 'InvalidVpc.Range',
      status: 400,
      message: `The CIDR '${cidr}' is invalid: a VPC needs a block of /16 to /28.`,
    });
  }
  if (!all || block.first < all.first || block.last > all.last) {
    throw awsError({
      code: 'InvalidVpc.Range',
      status: 400,
      message: `local-aws maps 10.a.b.c to the loopback address 127.a.b.c, so '${cidr}' must lie in 10.0.0.0/8.`,
    });
  }
  for (const vpc of existing) {
    const other = parseBlock(vpc.cidr);
    if (other && overlap(block, other)) {
      const message = `local-aws maps VPC blocks to loopback addresses of one computer: '${cidr}' overlaps ${vpc.cidr} of ${vpc.id} (account ${vpc.accountId}). Choose another block.`;
      throw awsError({ code: 'InvalidVpc.Conflict', status: 400, message });
    }
  }
}
