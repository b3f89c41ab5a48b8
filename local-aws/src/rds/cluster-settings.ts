import {
  DBClusterParameterGroupNotFoundFault,
  type ServerlessV2ScalingConfiguration,
} from '@aws-sdk/client-rds';
import { randomBytes } from 'node:crypto';
import type { Place } from '../platform.ts';
import { notImplemented } from '../wire/errors.ts';
import {
  AURORA,
  auroraFamily,
  auroraMajor,
  AURORA_OPTION_GROUP,
  CLUSTER_PARAMETER_GROUP,
} from './cluster-describe.ts';
import type { ClusterRecord, ServerlessScaling } from './cluster-records.ts';
import type { ClusterContext } from './cluster-context.ts';
import { fault, invalidCombination, invalidValue } from './faults.ts';
import { keyOf } from './names.ts';
import { place } from './placement.ts';

/** What requests that make or change clusters say, checked. */

export function requireAurora(engine: string | undefined): void {
  if (engine !== AURORA)
    throw invalidValue(`Invalid DB engine: ${engine ?? ''}. Clusters here are ${AURORA} only.`);
}

export function auroraVersionFor(asked: string | undefined, have: string): string {
  if (asked === undefined || asked === have || asked === auroraMajor(have)) return have;
  throw invalidCombination(`Cannot find version ${asked} for ${AURORA}. This computer has ${have}.`);
}

export function clusterParameterGroupFor(
  { store }: ClusterContext,
  where: Place,
  name: string | undefined,
  engineVersion: string,
): string {
  const fallback = CLUSTER_PARAMETER_GROUP(engineVersion);
  if (name === undefined || name.toLowerCase() === fallback) return fallback;
  const group = store.clusterParameterGroups.get(keyOf(where, name.toLowerCase()));
  if (!group) throw fault(DBClusterParameterGroupNotFoundFault, `DBClusterParameterGroup not found: ${name}`);
  if (group.family !== auroraFamily(engineVersion))
    throw invalidCombination(
      `The parameter group ${name} with DBParameterGroupFamily ${group.family} cannot be used for this cluster.`,
    );
  return group.name;
}

/** 1 to 35: a cluster always has backups. */
export function clusterRetention(days: number): number {
  if (Number.isInteger(days) && days >= 1 && days <= 35) return days;
  throw invalidValue(`Invalid backup retention period: ${days}. It must be between 1 and 35.`);
}

export interface FixedSettings {
  readonly EngineMode?: string | undefined;
  readonly NetworkType?: string | undefined;
  readonly OptionGroupName?: string | undefined;
  readonly MonitoringInterval?: number | undefined;
  readonly BacktrackWindow?: number | undefined;
}

/** Settings of which only the default exists here. */
export function requireFixed(operation: string, input: FixedSettings, engineVersion: string): void {
  const wrong = [
    ['EngineMode', input.EngineMode, 'provisioned'],
    ['NetworkType', input.NetworkType, 'IPV4'],
    ['OptionGroupName', input.OptionGroupName, AURORA_OPTION_GROUP(engineVersion)],
    ['MonitoringInterval', input.MonitoringInterval, 0],
    ['BacktrackWindow', input.BacktrackWindow, 0],
  ].find(([, given, only]) => given !== undefined && given !== only);
  if (wrong) throw notImplemented('rds', `${operation} with ${wrong[0]} ${wrong[1]}`);
}

export function storageTypeFor(asked: string | undefined): string {
  if (asked === undefined || asked === '') return 'aurora';
  if (asked === 'aurora' || asked === 'aurora-iopt1') return asked;
  throw invalidValue(`Invalid storage type for ${AURORA}: ${asked}. Valid are aurora and aurora-iopt1.`);
}

export function scalingFrom(
  given: ServerlessV2ScalingConfiguration | undefined,
): ServerlessScaling | undefined {
  if (!given) return undefined;
  const { MinCapacity, MaxCapacity, SecondsUntilAutoPause } = given;
  if (MinCapacity !== undefined && MaxCapacity !== undefined && MinCapacity > MaxCapacity)
    throw invalidValue(
      `Serverless v2 capacity: the minimum ${MinCapacity} is above the maximum ${MaxCapacity}.`,
    );
  return {
    ...(MinCapacity !== undefined && { MinCapacity }),
    ...(MaxCapacity !== undefined && { MaxCapacity }),
    ...(SecondsUntilAutoPause !== undefined && { SecondsUntilAutoPause }),
  };
}

export type ClusterPlacement = Pick<
  ClusterRecord,
  'address' | 'readerAddress' | 'fenced' | 'port' | 'vpcId' | 'subnetGroup' | 'securityGroupIds'
>;

/** An address for each of the two endpoints, with one port for both. */
export async function placeCluster(
  context: ClusterContext,
  where: Place,
  request: {
    readonly subnetGroup: string | undefined;
    readonly securityGroupIds: readonly string[] | undefined;
    readonly port: number | undefined;
  },
): Promise<ClusterPlacement> {
  const both = { ...request, availabilityZone: undefined, multiAz: false };
  const placed = await place(context, where, both);
  const { address, fenced, port, vpcId, subnetGroup, securityGroupIds } = placed;
  const reader = fenced ? await place(context, where, { ...both, port }) : placed;
  return { address, fenced, port, vpcId, subnetGroup, securityGroupIds, readerAddress: reader.address };
}

/** 26 characters, as AWS makes them. */
export function newClusterResourceId(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return `cluster-${[...randomBytes(26)].map((byte) => alphabet[byte % 32]).join('')}`;
}
