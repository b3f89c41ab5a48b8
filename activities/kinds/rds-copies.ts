import type { DBInstance } from '@aws-sdk/client-rds';
import { DRILL_PREFIX, RESTORE_PREFIX, TAG } from '../../domain/names.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import { failure } from '../failures.ts';
import type { CopySettings } from './driver.ts';

/** What a restored instance must be, what it is, and how it is recognised as one of ours. */

/** The recovery point's own metadata, changed so that nothing of production is left in it. */
export function copyMetadata(
  policy: Policy,
  recorded: Readonly<Record<string, string>>,
  name: string,
): Record<string, string> {
  const dropped = ['DBSnapshotIdentifier', 'DBClusterIdentifier', 'AvailabilityZone', 'VpcId'];
  const kept = Object.fromEntries(Object.entries(recorded).filter(([key]) => !dropped.includes(key)));
  return {
    ...kept,
    DBInstanceIdentifier: name,
    DBInstanceClass: policy.drill.instanceClass,
    DBSubnetGroupName: policy.drill.subnetGroup,
    VpcSecurityGroupIds: JSON.stringify(policy.drill.securityGroups),
    MultiAZ: 'false',
    PubliclyAccessible: 'false',
    DeletionProtection: 'false',
    AutoMinorVersionUpgrade: 'false',
    CopyTagsToSnapshot: 'false',
  };
}

/** Settings as AWS shows them, and whatever in them would let the copy be reached, cost double, or use another key. */
export function settingsOf(policy: Policy, instance: DBInstance): CopySettings {
  const subnetGroup = instance.DBSubnetGroup?.DBSubnetGroupName ?? '';
  const groups = (instance.VpcSecurityGroups ?? [])
    .map(({ VpcSecurityGroupId = '' }) => VpcSecurityGroupId)
    .sort();
  const expected = [...policy.drill.securityGroups].sort();
  const problems = [
    ...(instance.PubliclyAccessible === false ? [] : ['the copy is publicly accessible']),
    ...(instance.MultiAZ === false ? [] : ['the copy is Multi-AZ, which costs double']),
    ...(subnetGroup === policy.drill.subnetGroup
      ? []
      : [`the copy is in subnet group "${subnetGroup}", not "${policy.drill.subnetGroup}"`]),
    ...(groups.join() === expected.join()
      ? []
      : [`the copy has security groups ${groups.join()}, not ${expected.join()}`]),
    ...(instance.StorageEncrypted === true ? [] : ['the copy is not encrypted with a key of this account']),
  ];
  const facts = {
    publiclyAccessible: instance.PubliclyAccessible ?? 'unknown',
    multiAz: instance.MultiAZ ?? 'unknown',
    subnetGroup,
    vpc: instance.DBSubnetGroup?.VpcId ?? 'unknown',
    securityGroups: groups.join(','),
    storageEncrypted: instance.StorageEncrypted ?? 'unknown',
    kmsKey: instance.KmsKeyId ?? 'unknown',
  };
  const placement = {
    vpcId: instance.DBSubnetGroup?.VpcId ?? '',
    subnetIds: (instance.DBSubnetGroup?.Subnets ?? []).map(({ SubnetIdentifier = '' }) => SubnetIdentifier),
    securityGroupIds: groups,
  };
  const size = {
    instanceClass: instance.DBInstanceClass ?? 'unknown',
    instances: 1,
    allocatedGiB: instance.AllocatedStorage ?? 0,
  };
  return { facts, problems, placement, size };
}

/**
 * All four: account and region (the ARN), name prefix, our tag. A missing one stops the deletion.
 * @throws ForeignResource
 */
export function refuseForeign(
  instance: DBInstance,
  { name, arn, drillId }: { readonly name: string; readonly arn: string; readonly drillId: string },
): void {
  const tags = tagsOf(instance.TagList ?? []);
  const problems = [
    ...(instance.DBInstanceArn === arn ? [] : [`its ARN is ${instance.DBInstanceArn ?? 'unknown'}`]),
    ...(name.startsWith(DRILL_PREFIX) || name.startsWith(RESTORE_PREFIX)
      ? []
      : ['its name is not one of ours']),
    ...(tags[TAG.drill] === drillId
      ? []
      : [`its tag ${TAG.drill} is ${tags[TAG.drill] ?? 'missing'}, not ${drillId}`]),
  ];
  if (problems.length > 0)
    throw failure('ForeignResource', `Refused to delete ${name}: ${problems.join('; ')}.`, {
      name,
      problems,
    });
}

export function tagsOf(
  list: readonly { Key?: string | undefined; Value?: string | undefined }[],
): Record<string, string> {
  return Object.fromEntries(list.map(({ Key = '', Value = '' }) => [Key, Value]));
}
