/**
 * The network in which a restored copy stands, as EC2 describes it. Only what is in effect for the copy's own subnets counts: a VPC may
 * hold other subnets, for example those of the prober.
 */
export interface NetworkFacts {
  readonly vpcId: string;
  readonly cidrs: readonly string[];
  readonly subnets: readonly { readonly id: string; readonly cidr: string }[];
  readonly routes: readonly Route[];
  readonly admits: readonly Admission[];
  readonly peerings: readonly { readonly id: string; readonly state: string; readonly with: string }[];
  readonly gateways: readonly string[];
  readonly endpoints: readonly { readonly id: string; readonly service: string; readonly type: string }[];
}

export interface Route {
  readonly routeTable: string;
  readonly destination: string;
  /** `local`, or the id of what the packets are handed to. */
  readonly target: string;
  readonly state: string;
}

/** Who may connect, by one rule of one security group. */
export interface Admission {
  readonly securityGroup: string;
  readonly ports: string;
  /** A CIDR block, a security group or a prefix list. */
  readonly from: string;
}

/** What the drill's network could use as production: identities that a prober there has, and roles that it tried to take. */
export interface CredentialFacts {
  readonly caller: string;
  readonly attempts: readonly { readonly role: string; readonly refused: boolean; readonly how: string }[];
}

/**
 * What is missing from a description, so that nothing can be concluded from it: a network of which no route was seen is not a closed one.
 * @param placement what the copy's own description names.
 */
export function networkGaps(
  { vpcId, cidrs, subnets, routes, admits }: NetworkFacts,
  placement: { readonly subnetIds: readonly string[]; readonly securityGroupIds: readonly string[] },
): string[] {
  const unseen = placement.subnetIds.filter((id) => !subnets.some((subnet) => subnet.id === id));
  return [
    ...(vpcId === '' || cidrs.length === 0 ? ['the VPC of the copy was not described'] : []),
    ...(placement.subnetIds.length === 0 ? ['the copy names no subnets'] : []),
    ...(placement.securityGroupIds.length === 0 ? ['the copy names no security groups'] : []),
    ...unseen.map((id) => `the subnet ${id} was not described`),
    ...(routes.some(({ target }) => target === 'local')
      ? []
      : ['no route table of its subnets was described']),
    ...(admits.every(({ securityGroup }) => placement.securityGroupIds.includes(securityGroup))
      ? []
      : ['other security groups than its own were described']),
  ];
}

/**
 * Every way out of, or into, the copy's network. A gateway endpoint leads to one AWS service and nowhere else, and is the target of a
 * prefix list only; the endpoint of a Gateway Load Balancer has the same kind of id and can lead anywhere. An interface endpoint needs
 * no route.
 * @returns one sentence per way; none when the network is closed.
 */
export function networkProblems(network: NetworkFacts): string[] {
  const out = network.routes
    .filter(
      ({ destination, target, state }) =>
        target !== 'local' &&
        !(target.startsWith('vpce-') && destination.startsWith('pl-')) &&
        state !== 'blackhole',
    )
    .map(
      ({ routeTable, destination, target }) =>
        `route table ${routeTable} of the copy's subnets sends ${destination} to ${target}`,
    );
  const blocks = network.cidrs.map(parseBlock);
  const inside = (from: string): boolean => {
    if (from.startsWith('sg-')) return true; // of the same VPC: a group of another one needs a peering, and that a route
    const block = parseBlock(from);
    return block !== null && blocks.some((vpc) => vpc !== null && contains(vpc, block));
  };
  const into = network.admits
    .filter(({ from }) => !inside(from))
    .map(({ securityGroup, ports, from }) => `security group ${securityGroup} admits ${from} on ${ports}`);
  return [...out, ...into];
}

/** @returns one sentence per production credential that the drill network can use, or that belongs to another account. */
export function credentialProblems(
  { caller, attempts }: CredentialFacts,
  drillAccountId: string,
): { readonly failed: string[]; readonly unknown: string[] } {
  const account = caller.split(':')[4] ?? '';
  return {
    failed: [
      ...(account === drillAccountId
        ? []
        : [`the drill's prober acts as ${caller}, which is not of the drill account`]),
      ...attempts
        .filter(({ refused, how }) => !refused && how === TAKEN)
        .map(({ role }) => `the drill's prober could take the role ${role}`),
    ],
    unknown: attempts
      .filter(({ refused, how }) => !refused && how !== TAKEN)
      .map(({ role, how }) => `whether the drill's prober could take the role ${role} is unknown: ${how}`),
  };
}

/** How an attempt that succeeded is worded. */
export const TAKEN = 'credentials were given';

interface Block {
  readonly first: bigint;
  readonly bits: number;
  readonly width: 32 | 128;
}

/** @returns null for what is no CIDR block, such as a prefix list. */
function parseBlock(text: string): Block | null {
  const [address = '', length = ''] = text.split('/');
  const bits = Number(length);
  if (!/^\d+$/.test(length)) return null;
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  if (v4 !== null) {
    const parts = v4.slice(1).map(BigInt);
    return { first: parts.reduce((all, part) => all * 256n + part, 0n), bits, width: 32 };
  }
  return address.includes(':') ? { first: parseV6(address), bits, width: 128 } : null;
}

function parseV6(address: string): bigint {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right];
  return groups.reduce((all, group) => all * 65_536n + BigInt(`0x${group === '' ? '0' : group}`), 0n);
}

function contains(outer: Block, inner: Block): boolean {
  if (outer.width !== inner.width || inner.bits < outer.bits) return false;
  const shift = BigInt(outer.width - outer.bits);
  return outer.first >> shift === inner.first >> shift;
}
