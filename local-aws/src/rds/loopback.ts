import type { IngressRule, NetworkAccess } from '../platform.ts';

/** A VPC's 10.a.b.c is 127.a.b.c on this computer, so a VPC is a block of loopback addresses. */
export function loopbackBlock(cidr: string): string | undefined {
  const match = /^(\d+)\.(\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr);
  const [, first, rest, length] = match ?? [];
  if (first === undefined || rest === undefined || Number(length) < 8) return undefined;
  return first === '10' || first === '127' ? `127.${rest}/${length ?? ''}` : undefined;
}

/** Every address of a subnet that AWS would give out, lowest first: it keeps the first four and the last for itself. */
export function* hostAddresses(cidr: string): Generator<string> {
  const [network = '', length = '32'] = (loopbackBlock(cidr) ?? '').split('/');
  if (network === '') return;
  const base = network.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - Number(length));
  for (let host = 4; host < size - 1; host++) {
    const address = base + host;
    yield [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
  }
}

const EVERYONE = '127.0.0.0/8';
/** RDS's own default. Instances here get a free port instead, so rules for either admit. */
const POSTGRES_PORT = 5432;

/**
 * Which loopback blocks may reach a database, by its security groups' rules. `0.0.0.0/0` admits what a route leads to:
 * the VPC itself, and everyone only when the instance is publicly accessible.
 */
export function admittedBlocks(
  rules: readonly IngressRule[],
  { vpcCidr, port, publiclyAccessible }: { vpcCidr: string; port: number; publiclyAccessible: boolean },
): string[] {
  const blocks = rules
    .filter(
      (rule) =>
        (rule.protocol === '-1' || rule.protocol === 'tcp' || rule.protocol === '6') && covers(rule, port),
    )
    .map(({ cidr }) => {
      if (cidr !== '0.0.0.0/0') return loopbackBlock(cidr);
      return publiclyAccessible ? EVERYONE : loopbackBlock(vpcCidr);
    });
  return [...new Set(blocks.filter((block) => block !== undefined))].sort();
}

export interface Reach {
  readonly securityGroupIds: readonly string[];
  readonly vpcId: string;
  readonly port: number;
  readonly publiclyAccessible: boolean;
  readonly fenced: boolean;
}

/** Which loopback blocks may reach a database now. */
export function admits(networks: NetworkAccess, reach: Reach): string[] {
  // With one loopback address for everybody there is nothing to tell networks apart by; `fenced: false` says so.
  if (!reach.fenced) return ['127.0.0.1/32'];
  const rules = reach.securityGroupIds.flatMap((id) => networks.securityGroup(id)?.ingress ?? []);
  return admittedBlocks(rules, { ...reach, vpcCidr: networks.vpc(reach.vpcId)?.cidr ?? '' });
}

function covers({ protocol, fromPort, toPort }: IngressRule, port: number): boolean {
  if (protocol === '-1' || fromPort === -1) return true;
  return [port, POSTGRES_PORT].some((wanted) => fromPort <= wanted && wanted <= toPort);
}
