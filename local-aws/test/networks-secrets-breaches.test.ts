import * as EC2 from '@aws-sdk/client-ec2';
import * as IAM from '@aws-sdk/client-iam';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { createNetworks, EC2_TABLES } from '../src/ec2/networks.ts';
import { openJournal } from '../src/journal/journal.ts';
import { type GroupLine, openTables } from '../src/journal/table.ts';
import { Laboratory, policy, PRODUCTION, VAULT } from './support/local-aws.ts';

let lab: Laboratory;
let ec2: EC2.EC2Client;
beforeAll(async () => {
  lab = await Laboratory.start();
  ec2 = lab.ec2();
});
afterAll(() => lab.close());

const vpc = async (CidrBlock: string, client = ec2) =>
  (await client.send(new EC2.CreateVpcCommand({ CidrBlock }))).Vpc!.VpcId!;
const ofVpc = (id: string) => [{ Name: 'vpc-id', Values: [id] }];
const tables = async (VpcId: string, client = ec2) =>
  (await client.send(new EC2.DescribeRouteTablesCommand({ Filters: ofVpc(VpcId) }))).RouteTables!;

test('a way to the internet is seen in the gateway and in the route, and as a black hole when it is cut', async () => {
  const VpcId = await vpc('10.40.0.0/16');
  const [main] = await tables(VpcId);
  const RouteTableId = main!.RouteTableId!;
  const { InternetGateway } = await ec2.send(new EC2.CreateInternetGatewayCommand({}));
  const GatewayId = InternetGateway!.InternetGatewayId!;
  const out = { RouteTableId, DestinationCidrBlock: '0.0.0.0/0', GatewayId };
  await expect(ec2.send(new EC2.CreateRouteCommand(out))).rejects.toMatchObject({
    name: 'InvalidParameterValue',
  });
  await ec2.send(new EC2.AttachInternetGatewayCommand({ InternetGatewayId: GatewayId, VpcId }));
  await ec2.send(new EC2.CreateRouteCommand(out));
  await expect(ec2.send(new EC2.CreateRouteCommand(out))).rejects.toMatchObject({
    name: 'RouteAlreadyExists',
  });
  expect((await tables(VpcId))[0]?.Routes).toEqual([
    expect.objectContaining({ DestinationCidrBlock: '10.40.0.0/16', GatewayId: 'local', State: 'active' }),
    expect.objectContaining({ DestinationCidrBlock: '0.0.0.0/0', GatewayId, State: 'active' }),
  ]);
  const attached = [{ Name: 'attachment.vpc-id', Values: [VpcId] }];
  const { InternetGateways } = await ec2.send(new EC2.DescribeInternetGatewaysCommand({ Filters: attached }));
  expect(InternetGateways?.map((each) => each.InternetGatewayId)).toEqual([GatewayId]);
  await expect(ec2.send(new EC2.DeleteVpcCommand({ VpcId }))).rejects.toMatchObject({
    name: 'DependencyViolation',
  });
  await ec2.send(new EC2.DetachInternetGatewayCommand({ InternetGatewayId: GatewayId, VpcId }));
  expect((await tables(VpcId))[0]?.Routes?.[1]?.State).toBe('blackhole');
  await ec2.send(new EC2.DeleteRouteCommand({ RouteTableId, DestinationCidrBlock: '0.0.0.0/0' }));
  await ec2.send(new EC2.DeleteInternetGatewayCommand({ InternetGatewayId: GatewayId }));
  await ec2.send(new EC2.DeleteVpcCommand({ VpcId }));
});

test('subnets use the table they are associated with', async () => {
  const VpcId = await vpc('10.41.0.0/16');
  const { Subnet } = await ec2.send(new EC2.CreateSubnetCommand({ VpcId, CidrBlock: '10.41.1.0/24' }));
  const { RouteTable } = await ec2.send(new EC2.CreateRouteTableCommand({ VpcId }));
  const SubnetId = Subnet!.SubnetId!;
  const RouteTableId = RouteTable!.RouteTableId!;
  const { AssociationId } = await ec2.send(new EC2.AssociateRouteTableCommand({ RouteTableId, SubnetId }));
  const bySubnet = [{ Name: 'association.subnet-id', Values: [SubnetId] }];
  const found = await ec2.send(new EC2.DescribeRouteTablesCommand({ Filters: bySubnet }));
  expect(found.RouteTables?.map((table) => table.RouteTableId)).toEqual([RouteTableId]);
  await expect(ec2.send(new EC2.DeleteRouteTableCommand({ RouteTableId }))).rejects.toMatchObject({
    name: 'DependencyViolation',
  });
  const { NatGateway } = await ec2.send(
    new EC2.CreateNatGatewayCommand({ SubnetId, ConnectivityType: 'private' }),
  );
  const { NatGateways } = await ec2.send(new EC2.DescribeNatGatewaysCommand({ Filter: ofVpc(VpcId) }));
  expect(NatGateways).toEqual([
    expect.objectContaining({ NatGatewayId: NatGateway!.NatGatewayId, State: 'available' }),
  ]);
  await ec2.send(new EC2.DeleteNatGatewayCommand({ NatGatewayId: NatGateway!.NatGatewayId! }));
  await ec2.send(new EC2.DisassociateRouteTableCommand({ AssociationId }));
  await ec2.send(new EC2.DeleteRouteTableCommand({ RouteTableId }));
  const endpoint = { VpcId, ServiceName: 'com.amazonaws.eu-central-1.s3' };
  const { VpcEndpoint } = await ec2.send(new EC2.CreateVpcEndpointCommand(endpoint));
  const { VpcEndpoints } = await ec2.send(new EC2.DescribeVpcEndpointsCommand({ Filters: ofVpc(VpcId) }));
  expect(VpcEndpoints?.map(({ VpcEndpointId }) => VpcEndpointId)).toEqual([VpcEndpoint!.VpcEndpointId]);
});

test('a peering is seen from both accounts and is active only once the other side accepted it', async () => {
  const theirs = lab.ec2(lab.admin(VAULT), 'us-east-1');
  const [VpcId, PeerVpcId] = [await vpc('10.42.0.0/16'), await vpc('10.43.0.0/16', theirs)];
  const peer = { VpcId, PeerVpcId, PeerOwnerId: VAULT, PeerRegion: 'us-east-1' };
  const { VpcPeeringConnection } = await ec2.send(new EC2.CreateVpcPeeringConnectionCommand(peer));
  const VpcPeeringConnectionId = VpcPeeringConnection!.VpcPeeringConnectionId!;
  await expect(
    ec2.send(new EC2.AcceptVpcPeeringConnectionCommand({ VpcPeeringConnectionId })),
  ).rejects.toMatchObject({ name: 'InvalidStateTransition' });
  await theirs.send(new EC2.AcceptVpcPeeringConnectionCommand({ VpcPeeringConnectionId }));
  for (const client of [ec2, theirs]) {
    const active = [{ Name: 'status-code', Values: ['active'] }];
    const { VpcPeeringConnections } = await client.send(
      new EC2.DescribeVpcPeeringConnectionsCommand({ Filters: active }),
    );
    expect(VpcPeeringConnections).toEqual([
      expect.objectContaining({
        VpcPeeringConnectionId,
        RequesterVpcInfo: expect.objectContaining({ OwnerId: PRODUCTION, CidrBlock: '10.42.0.0/16' }),
        AccepterVpcInfo: expect.objectContaining({ OwnerId: VAULT, Region: 'us-east-1' }),
      }),
    ]);
  }
});

test('a new group lets everything out until that is revoked, and its rules can be read one by one', async () => {
  const VpcId = await vpc('10.44.0.0/16');
  const { GroupId } = await ec2.send(
    new EC2.CreateSecurityGroupCommand({ VpcId, GroupName: 'open', Description: 'd' }),
  );
  const everything = { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] };
  const rules = async () =>
    (
      await ec2.send(
        new EC2.DescribeSecurityGroupRulesCommand({ Filters: [{ Name: 'group-id', Values: [GroupId!] }] }),
      )
    ).SecurityGroupRules!;
  expect(await rules()).toEqual([
    expect.objectContaining({ IsEgress: true, CidrIpv4: '0.0.0.0/0', IpProtocol: '-1' }),
  ]);
  await ec2.send(new EC2.RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: [everything] }));
  expect(await rules()).toEqual([]);
  await ec2.send(new EC2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [everything] }));
  const openToAll = [{ Name: 'ip-permission.cidr', Values: ['0.0.0.0/0'] }];
  const { SecurityGroups } = await ec2.send(
    new EC2.DescribeSecurityGroupsCommand({ Filters: [...openToAll, ...ofVpc(VpcId)] }),
  );
  expect(SecurityGroups?.map((group) => group.GroupId)).toEqual([GroupId]);
});

test('listings come in pages, and every VPC has an ACL that lets everything through', async () => {
  const seen = new Set<string>();
  for (let count = 0; count < 7; count += 1) await vpc(`10.5${count}.0.0/16`);
  for await (const page of EC2.paginateDescribeVpcs({ client: ec2, pageSize: 5 }, {}))
    for (const { VpcId } of page.Vpcs!) {
      expect(seen.has(VpcId!)).toBe(false);
      seen.add(VpcId!);
    }
  expect(seen.size).toBe((await ec2.send(new EC2.DescribeVpcsCommand({}))).Vpcs!.length);
  const { NetworkAcls } = await ec2.send(new EC2.DescribeNetworkAclsCommand({}));
  expect(NetworkAcls).toHaveLength(seen.size);
  expect(NetworkAcls?.[0]?.Entries).toContainEqual(
    expect.objectContaining({ RuleAction: 'allow', Egress: true, CidrBlock: '0.0.0.0/0' }),
  );
  const { Regions } = await ec2.send(new EC2.DescribeRegionsCommand({}));
  expect(Regions?.map(({ RegionName }) => RegionName)).toContain('eu-central-1');
});

test('tags of a network decide who may change it', async () => {
  const VpcId = await vpc('10.45.0.0/16');
  await ec2.send(new EC2.CreateTagsCommand({ Resources: [VpcId], Tags: [{ Key: 'drill', Value: 'yes' }] }));
  const trust = { Effect: 'Allow', Principal: { AWS: PRODUCTION }, Action: 'sts:AssumeRole' };
  const { Role } = await lab
    .iam()
    .send(new IAM.CreateRoleCommand({ RoleName: 'driller', AssumeRolePolicyDocument: policy(trust) }));
  const Condition = { StringEquals: { 'aws:ResourceTag/drill': 'yes' } };
  const PolicyDocument = policy({ Effect: 'Allow', Action: 'ec2:DeleteVpc', Resource: '*', Condition });
  await lab
    .iam()
    .send(new IAM.PutRolePolicyCommand({ RoleName: 'driller', PolicyName: 'p', PolicyDocument }));
  const driller = lab.ec2(await lab.assume(Role!.Arn!));
  const other = await vpc('10.46.0.0/16');
  await expect(driller.send(new EC2.DeleteVpcCommand({ VpcId: other }))).rejects.toMatchObject({
    name: 'UnauthorizedOperation',
  });
  await driller.send(new EC2.DeleteVpcCommand({ VpcId }));
});

test('a rule for another VPC lets in only what a peering with routes on both sides leads to', async () => {
  const journal = openJournal<GroupLine>(join(lab.stateDir, 'networks-alone.journal'));
  const networks = createNetworks(openTables(journal, EC2_TABLES));
  const here = { accountId: PRODUCTION, region: 'r' };
  const [drill, production] = [
    await networks.createVpc(here, '10.20.0.0/16', []),
    await networks.createVpc(here, '10.10.0.0/16', []),
  ];
  const rule = {
    ruleId: 'r',
    protocol: 'tcp',
    fromPort: 5432,
    toPort: 5432,
    peerGroupId: undefined,
    description: undefined,
  };
  const group = { ...here, id: 'sg-1', name: 'db', description: '', vpcId: drill.id, tags: [] };
  await networks.putGroup({
    ...group,
    permissions: [
      { ...rule, cidr: '10.10.1.0/24' },
      { ...rule, cidr: '10.99.0.0/16' },
    ],
  });
  const admitted = () => networks.securityGroup('sg-1')!.ingress.map(({ cidr }) => cidr);
  const heard: string[] = [];
  networks.onSecurityGroupChanged((id) => heard.push(id));
  expect(admitted()).toEqual(['10.99.0.0/16']); // of no VPC: as through a private line
  const end = ({ id, cidr }: typeof drill) => ({ ...here, vpcId: id, cidr });
  await networks.topology.peerings.put('pcx-1', {
    ...{ ...here, id: 'pcx-1', tags: [], requester: end(drill), accepter: end(production), status: 'active' },
  });
  expect(admitted()).toEqual(['10.99.0.0/16']);
  for (const [from, to] of [
    [drill, production],
    [production, drill],
  ] as const)
    await networks.topology.tables.put(from.mainRouteTableId, {
      ...networks.topology.mainTable(from),
      routes: [{ destination: to.cidr, kind: 'peering', target: 'pcx-1' }],
    });
  networks.announce();
  expect(heard).toContain('sg-1');
  expect(admitted()).toEqual(['10.10.1.0/24', '10.99.0.0/16']);
  await journal.close();
});
