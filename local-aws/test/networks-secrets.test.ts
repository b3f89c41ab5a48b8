import * as EC2 from '@aws-sdk/client-ec2';
import * as SM from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Laboratory, VAULT } from './support/local-aws.ts';

let lab: Laboratory;
beforeAll(async () => (lab = await Laboratory.start()));
afterAll(() => lab.close());

test('a VPC with a subnet and a group that admits a block', async () => {
  const ec2 = lab.ec2();
  const VpcId = (await ec2.send(new EC2.CreateVpcCommand({ CidrBlock: '10.10.0.0/16' }))).Vpc!.VpcId!;
  const { Subnet } = await ec2.send(
    new EC2.CreateSubnetCommand({ VpcId, CidrBlock: '10.10.1.0/24', AvailabilityZone: 'eu-central-1b' }),
  );
  const { GroupId } = await ec2.send(
    new EC2.CreateSecurityGroupCommand({ VpcId, GroupName: 'db', Description: 'databases' }),
  );
  const IpPermissions = [
    { IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, IpRanges: [{ CidrIp: '10.10.0.0/16' }] },
  ];
  await ec2.send(new EC2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
  await expect(
    ec2.send(new EC2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions })),
  ).rejects.toMatchObject({ name: 'InvalidPermission.Duplicate' });
  const { SecurityGroups } = await ec2.send(new EC2.DescribeSecurityGroupsCommand({ GroupIds: [GroupId!] }));
  expect(SecurityGroups?.[0]?.IpPermissions).toEqual([expect.objectContaining(IpPermissions[0]!)]);
  const { RouteTables } = await ec2.send(
    new EC2.DescribeRouteTablesCommand({ Filters: [{ Name: 'vpc-id', Values: [VpcId] }] }),
  );
  expect(RouteTables?.[0]?.Routes?.map(({ GatewayId }) => GatewayId)).toEqual(['local']);
  expect((await ec2.send(new EC2.DescribeVpcPeeringConnectionsCommand({}))).VpcPeeringConnections).toEqual(
    [],
  );

  await expect(ec2.send(new EC2.DeleteVpcCommand({ VpcId }))).rejects.toMatchObject({
    name: 'DependencyViolation',
  });
  await ec2.send(new EC2.RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
  await ec2.send(new EC2.DeleteSecurityGroupCommand({ GroupId }));
  await ec2.send(new EC2.DeleteSubnetCommand({ SubnetId: Subnet!.SubnetId! }));
  await ec2.send(new EC2.DeleteVpcCommand({ VpcId }));
  await expect(ec2.send(new EC2.DescribeVpcsCommand({ VpcIds: [VpcId] }))).rejects.toMatchObject({
    name: 'InvalidVpcID.NotFound',
  });
});

test('blocks that would share loopback addresses are refused, even in another account', async () => {
  await lab.ec2().send(new EC2.CreateVpcCommand({ CidrBlock: '10.20.0.0/16' }));
  const other = lab.ec2(lab.admin(VAULT), 'us-east-1');
  await expect(other.send(new EC2.CreateVpcCommand({ CidrBlock: '10.20.128.0/17' }))).rejects.toMatchObject({
    name: 'InvalidVpc.Conflict',
  });
  await expect(other.send(new EC2.CreateVpcCommand({ CidrBlock: '192.168.0.0/16' }))).rejects.toMatchObject({
    name: 'InvalidVpc.Range',
  });
});

test('networks of one account are unknown in the other', async () => {
  const VpcId = (await lab.ec2().send(new EC2.CreateVpcCommand({ CidrBlock: '10.30.0.0/16' }))).Vpc!.VpcId!;
  const other = lab.ec2(lab.admin(VAULT));
  await expect(
    other.send(new EC2.CreateSubnetCommand({ VpcId, CidrBlock: '10.30.1.0/24' })),
  ).rejects.toMatchObject({ name: 'InvalidVpcID.NotFound' });
});

test('a filter that is not known answers 501 instead of showing too much', async () => {
  const odd = new EC2.DescribeVpcsCommand({ Filters: [{ Name: 'dhcp-options-id', Values: ['x'] }] });
  await expect(lab.ec2().send(odd)).rejects.toMatchObject({ name: 'NotImplemented' });
});

test('a secret has a current and a previous value, and a name that forced deletion frees', async () => {
  const secrets = lab.secrets();
  const Name = 'lifeboat/reader';
  const { ARN } = await secrets.send(new SM.CreateSecretCommand({ Name, SecretString: 'one' }));
  await expect(secrets.send(new SM.CreateSecretCommand({ Name, SecretString: 'two' }))).rejects.toThrow(
    SM.ResourceExistsException,
  );
  await secrets.send(new SM.PutSecretValueCommand({ SecretId: ARN, SecretString: 'two' }));
  const value = async (VersionStage?: string) =>
    (await secrets.send(new SM.GetSecretValueCommand({ SecretId: Name, VersionStage }))).SecretString;
  expect(await value()).toBe('two');
  expect(await value('AWSPREVIOUS')).toBe('one');
  await secrets.send(new SM.DeleteSecretCommand({ SecretId: Name, ForceDeleteWithoutRecovery: true }));
  await expect(value()).rejects.toThrow(SM.ResourceNotFoundException);
  await secrets.send(new SM.CreateSecretCommand({ Name, SecretString: 'three' }));
  expect(await value()).toBe('three');
});

test('a secret scheduled for deletion cannot be read, keeps its name, and goes on its day', async () => {
  const secrets = lab.secrets();
  const Name = 'short-lived';
  await secrets.send(new SM.CreateSecretCommand({ Name, SecretString: 'x' }));
  await secrets.send(new SM.DeleteSecretCommand({ SecretId: Name, RecoveryWindowInDays: 7 }));
  await expect(secrets.send(new SM.GetSecretValueCommand({ SecretId: Name }))).rejects.toThrow(
    SM.InvalidRequestException,
  );
  await expect(secrets.send(new SM.CreateSecretCommand({ Name, SecretString: 'y' }))).rejects.toThrow(
    SM.ResourceExistsException,
  );
  await lab.advanceDays(7.01);
  await expect(secrets.send(new SM.GetSecretValueCommand({ SecretId: Name }))).rejects.toThrow(
    SM.ResourceNotFoundException,
  );
});
