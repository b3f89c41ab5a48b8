import {
  DBSubnetGroupDoesNotCoverEnoughAZs,
  DBSubnetGroupNotFoundFault,
  InvalidVPCNetworkStateFault,
} from '@aws-sdk/client-rds';
import { canListenOn, freePort } from '../pg/index.ts';
import type { Place } from '../platform.ts';
import type { RdsContext } from './context.ts';
import { fault, invalidCombination, invalidValue } from './faults.ts';
import { hostAddresses } from './loopback.ts';
import { keyOf } from './names.ts';
import type { InstanceRecord, SubnetGroupRecord } from './records.ts';

export type Placement = Pick<
  InstanceRecord,
  'address' | 'fenced' | 'port' | 'vpcId' | 'subnetGroup' | 'availabilityZone' | 'securityGroupIds'
>;

export interface PlacementRequest {
  readonly subnetGroup: string | undefined;
  readonly securityGroupIds: readonly string[] | undefined;
  readonly availabilityZone: string | undefined;
  readonly multiAz: boolean;
  readonly port: number | undefined;
}

/** Handed out, but not yet in a record. */
const reserved = new Set<string>();

/**
 * Where a new instance lives: VPC, zone, and an address and port of its own in a subnet.
 * Defaults are AWS's: the default VPC's subnets and its default security group.
 */
export async function place(
  context: RdsContext,
  where: Place,
  request: PlacementRequest,
): Promise<Placement> {
  const group = await subnetGroup(context, where, request.subnetGroup);
  const { networks } = context.platform;
  const subnets = networks.subnets(group.subnetIds);
  const wanted = subnets.filter(
    ({ availabilityZone }) =>
      request.availabilityZone === undefined || availabilityZone === request.availabilityZone,
  );
  if (request.multiAz && request.availabilityZone !== undefined)
    throw invalidCombination('Requesting a specific availability zone is not valid for Multi-AZ instances.');
  if (request.multiAz && new Set(subnets.map(({ availabilityZone }) => availabilityZone)).size < 2)
    throw fault(
      DBSubnetGroupDoesNotCoverEnoughAZs,
      `DB Subnet Group ${group.name} does not cover at least 2 availability zones.`,
    );
  const [subnet] = wanted;
  if (!subnet)
    throw fault(
      InvalidVPCNetworkStateFault,
      `DB Subnet Group ${group.name} has no subnet in ${request.availabilityZone ?? 'any availability zone'}.`,
    );
  const securityGroupIds = await securityGroups(context, where, group.vpcId, request.securityGroupIds);
  const { address, fenced } = await ownAddress(context, subnet.cidr, subnet.id);
  const port = await freePort(address, request.port);
  if (request.port !== undefined && port !== request.port)
    throw invalidValue(
      `Port ${request.port} of ${address} is in use on this computer. Leave Port out to get a free one.`,
    );
  const { vpcId, availabilityZone } = subnet;
  return { address, fenced, port, vpcId, subnetGroup: group.name, availabilityZone, securityGroupIds };
}

async function subnetGroup(
  { store, platform }: RdsContext,
  where: Place,
  name = 'default',
): Promise<SubnetGroupRecord> {
  const known = store.subnetGroups.get(keyOf(where, name.toLowerCase()));
  if (known) return known;
  if (name !== 'default')
    throw fault(DBSubnetGroupNotFoundFault, `DB subnet group '${name}' does not exist.`);
  const { vpc, subnets } = await platform.networks.defaultVpc(where);
  const made: SubnetGroupRecord = {
    ...{
      accountId: where.accountId,
      region: where.region,
      name: 'default',
      description: 'default',
      tags: [],
    },
    ...{ vpcId: vpc.id, subnetIds: subnets.map(({ id }) => id) },
  };
  await store.subnetGroups.put(keyOf(where, 'default'), made);
  return made;
}

/** Checks groups that were asked for, or finds the default one. */
export async function securityGroups(
  { platform }: RdsContext,
  where: Place,
  vpcId: string,
  asked: readonly string[] | undefined,
): Promise<readonly string[]> {
  if (asked === undefined || asked.length === 0) {
    const { vpc, securityGroupId } = await platform.networks.defaultVpc(where);
    if (vpc.id !== vpcId)
      throw invalidCombination(
        `VPC ${vpcId} is not the default VPC: name the security groups, since its default group is not known here.`,
      );
    return [securityGroupId];
  }
  for (const id of asked) {
    const group = platform.networks.securityGroup(id);
    if (group?.accountId !== where.accountId || group.region !== where.region)
      throw invalidValue(`Invalid security group , groupId= ${id}, groupName=.`);
    if (group.vpcId !== vpcId)
      throw invalidCombination(
        `The DB instance and EC2 security group are in different VPCs. The DB instance is in ${vpcId} and the EC2 security group is in ${group.vpcId}`,
      );
  }
  return [...asked];
}

async function ownAddress(
  { store, platform }: RdsContext,
  cidr: string,
  subnetId: string,
): Promise<{ address: string; fenced: boolean }> {
  const used = new Set([
    ...[...store.instances.values()].map(({ address }) => address),
    ...[...store.clusters.values()].flatMap(({ address, readerAddress }) => [address, readerAddress]),
  ]);
  for (const address of hostAddresses(cidr)) {
    if (used.has(address) || reserved.has(address)) continue;
    if (!(await canListenOn(address))) {
      platform.log.warn(
        { address },
        'this computer has only 127.0.0.1: the instance listens there, and networks are not fenced from each other',
      );
      return { address: '127.0.0.1', fenced: false };
    }
    reserved.add(address);
    setTimeout(() => reserved.delete(address), 10_000).unref();
    return { address, fenced: true };
  }
  throw fault(
    InvalidVPCNetworkStateFault,
    `Subnet ${subnetId} (${cidr}) has no free address that stands for 10.x here.`,
  );
}
