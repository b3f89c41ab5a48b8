import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
} from '@aws-sdk/client-ec2';
import { CreateDBSubnetGroupCommand } from '@aws-sdk/client-rds';
import { isNamed } from './administrators.ts';
import type { Administrators } from './administrators.ts';
import { NETWORKS, SUBNET_GROUPS } from './plan.ts';

export interface Network {
  readonly vpcId: string;
  readonly subnetGroup: string;
  readonly securityGroupId: string;
}

/** A VPC with two subnets, no way out, and a security group that admits PostgreSQL from the VPC itself and from nowhere else. */
export async function ensureNetwork(aws: Administrators, name: keyof typeof NETWORKS): Promise<Network> {
  const { cidr } = NETWORKS[name];
  const vpcId = await ensureVpc(aws, name);
  const [subnetIds, securityGroupId] = await Promise.all([
    ensureSubnets(aws, name, vpcId),
    ensureSecurityGroup(aws, name, vpcId, cidr),
  ]);
  await ensureSubnetGroup(aws, name, subnetIds);
  return { vpcId, subnetGroup: SUBNET_GROUPS[name], securityGroupId };
}

async function ensureVpc(aws: Administrators, name: keyof typeof NETWORKS): Promise<string> {
  const { place, cidr } = NETWORKS[name];
  const ec2 = aws.ec2(place);
  const tag = `lifeboat-${name}`;
  const { Vpcs = [] } = await ec2.send(
    new DescribeVpcsCommand({ Filters: [{ Name: 'tag:Name', Values: [tag] }] }),
  );
  const there = Vpcs[0]?.VpcId;
  if (there !== undefined) return there;
  const TagSpecifications = [{ ResourceType: 'vpc' as const, Tags: [{ Key: 'Name', Value: tag }] }];
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: cidr, TagSpecifications }));
  return required(Vpc?.VpcId, `VPC ${tag}`);
}

async function ensureSubnets(
  aws: Administrators,
  name: keyof typeof NETWORKS,
  vpcId: string,
): Promise<string[]> {
  const { place, subnets } = NETWORKS[name];
  const ec2 = aws.ec2(place);
  const { Subnets = [] } = await ec2.send(
    new DescribeSubnetsCommand({ Filters: [{ Name: 'vpc-id', Values: [vpcId] }] }),
  );
  return Promise.all(
    subnets.map(async (cidr, i) => {
      const there = Subnets.find(({ CidrBlock }) => CidrBlock === cidr)?.SubnetId;
      if (there !== undefined) return there;
      const AvailabilityZone = `${place.region}${'ab'[i] ?? 'a'}`;
      const { Subnet } = await ec2.send(
        new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: cidr, AvailabilityZone }),
      );
      return required(Subnet?.SubnetId, `subnet ${cidr}`);
    }),
  );
}

async function ensureSecurityGroup(
  aws: Administrators,
  name: keyof typeof NETWORKS,
  vpcId: string,
  cidr: string,
): Promise<string> {
  const ec2 = aws.ec2(NETWORKS[name].place);
  const GroupName = `lifeboat-${name}-databases`;
  const { SecurityGroups = [] } = await ec2.send(
    new DescribeSecurityGroupsCommand({
      Filters: [
        { Name: 'vpc-id', Values: [vpcId] },
        { Name: 'group-name', Values: [GroupName] },
      ],
    }),
  );
  const there = SecurityGroups[0]?.GroupId;
  if (there !== undefined) return there;
  const Description = `PostgreSQL from inside the ${name} network only`;
  const { GroupId } = await ec2.send(
    new CreateSecurityGroupCommand({ GroupName, Description, VpcId: vpcId }),
  );
  await ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId,
      IpPermissions: [{ IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, IpRanges: [{ CidrIp: cidr }] }],
    }),
  );
  return required(GroupId, `security group ${GroupName}`);
}

async function ensureSubnetGroup(
  aws: Administrators,
  name: keyof typeof NETWORKS,
  subnetIds: readonly string[],
): Promise<void> {
  try {
    await aws.rds(NETWORKS[name].place).send(
      new CreateDBSubnetGroupCommand({
        DBSubnetGroupName: SUBNET_GROUPS[name],
        DBSubnetGroupDescription: `Subnets of the ${name} network without a way out`,
        SubnetIds: [...subnetIds],
      }),
    );
  } catch (error) {
    if (!isNamed(error, 'DBSubnetGroupAlreadyExistsFault')) throw error;
  }
}

function required(id: string | undefined, what: string): string {
  if (id === undefined) throw new Error(`EC2 answered without the id of ${what}`);
  return id;
}
