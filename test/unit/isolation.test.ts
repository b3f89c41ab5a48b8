import { expect, test } from '@jest/globals';
import { credentialProblems, networkGaps, networkProblems, TAKEN } from '../../domain/isolation.ts';
import { drillCost } from '../../domain/costs.ts';
import { leftoversOf, type Listed } from '../../domain/drill-inventory.ts';
import { closedNetwork } from '../support/fake-site.ts';

const route = (destination: string, target: string, state = 'active') => ({
  ...closedNetwork(),
  routes: [...closedNetwork().routes, { routeTable: 'rtb-1', destination, target, state }],
});
const admitting = (from: string) => ({
  ...closedNetwork(),
  admits: [{ securityGroup: 'sg-1', ports: 'tcp 5432', from }],
});

test('a network whose only route is its own, and that admits only itself, is closed', () => {
  expect(networkProblems(closedNetwork())).toEqual([]);
});

test.each(['igw-1', 'nat-1', 'pcx-1', 'tgw-1', 'eigw-1', 'vgw-1', 'eni-1', 'i-1', 'unknown'])(
  'a route to %s is a way out',
  (target) => {
    expect(networkProblems(route('0.0.0.0/0', target))).toEqual([
      `route table rtb-1 of the copy's subnets sends 0.0.0.0/0 to ${target}`,
    ]);
  },
);

test('a gateway endpoint and a route to nothing are no ways out', () => {
  expect(networkProblems(route('pl-63a5400a', 'vpce-1'))).toEqual([]);
  expect(networkProblems(route('10.10.0.0/16', 'pcx-1', 'blackhole'))).toEqual([]);
});

test.each([
  '0.0.0.0/0',
  '::/0',
  '10.0.0.0/8',
  '10.10.1.4/32',
  '10.21.0.0/16',
  'pl-12345678',
  '2001:db8::/32',
])('a security group that admits %s lets strangers in', (from) => {
  expect(networkProblems(admitting(from))).toEqual([`security group sg-1 admits ${from} on tcp 5432`]);
});

test.each(['10.20.0.0/16', '10.20.1.0/24', '10.20.255.255/32', 'sg-2'])(
  'a security group that admits %s admits the network itself',
  (from) => {
    expect(networkProblems(admitting(from))).toEqual([]);
  },
);

test('the endpoint of a Gateway Load Balancer is a way out, though its id looks like that of a gateway endpoint', () => {
  expect(networkProblems(route('0.0.0.0/0', 'vpce-1'))).toHaveLength(1);
});

const placement = { subnetIds: ['subnet-1'], securityGroupIds: ['sg-1'] };

test('a network that was not described whole proves nothing', () => {
  const closed = closedNetwork();
  expect(networkGaps(closed, placement)).toEqual([]);
  expect(networkGaps({ ...closed, routes: [] }, placement)).toEqual([
    'no route table of its subnets was described',
  ]);
  expect(networkGaps({ ...closed, vpcId: '' }, placement)).toEqual(['the VPC of the copy was not described']);
  expect(networkGaps(closed, { ...placement, subnetIds: ['subnet-1', 'subnet-2'] })).toEqual([
    'the subnet subnet-2 was not described',
  ]);
  expect(networkGaps(closed, { ...placement, subnetIds: [] })).toEqual(['the copy names no subnets']);
  expect(networkGaps(closed, { ...placement, securityGroupIds: [] })).toHaveLength(2);
});

test('a block of IPv6 is inside one that holds it, in whatever form it is written', () => {
  const network = (from: string) => ({ ...admitting(from), cidrs: ['2600:1f18:abc:de00::/56'] });
  expect(networkProblems(network('2600:1f18:0abc:de01:0:0:0:0/64'))).toEqual([]);
  expect(networkProblems(network('2600:1f18:abc:df00::/64'))).toHaveLength(1);
});

test('credentials of production, and a prober of another account, are failures; an answer that nobody got is unknown', () => {
  const caller = 'arn:aws:sts::333333333333:assumed-role/lifeboat-prober/x';
  const attempt = (how: string, refused: boolean) => ({ caller, attempts: [{ role: 'r', refused, how }] });
  expect(credentialProblems(attempt('AccessDenied', true), '333333333333')).toEqual({
    failed: [],
    unknown: [],
  });
  expect(credentialProblems(attempt(TAKEN, false), '333333333333').failed).toHaveLength(1);
  expect(credentialProblems(attempt('TimeoutError', false), '333333333333').unknown).toHaveLength(1);
  expect(credentialProblems({ caller, attempts: [] }, '444444444444').failed[0]).toContain(
    'not of the drill account',
  );
});

const listed = (arn: string, drill: string | null = null): Listed => ({ arn, source: 's', drill });

test('what a drill left is recognised by its tag, the name of its copy, or because the drill made it', () => {
  const before = { things: [listed('old', 'mine')], unread: [] };
  const things = [
    listed('old', 'mine'),
    listed('by-tag', 'mine'),
    listed('arn:db:lb-drill-orders-1'),
    listed('arn:secret:made'),
    listed('of-another-drill', 'theirs'),
    listed('of-nobody'),
    listed('by-tag', 'mine'),
  ];
  const mine = { drill: 'mine', copyName: 'lb-drill-orders-1', arns: ['arn:secret:made'] };
  expect(leftoversOf(before, { things, unread: [] }, mine)).toEqual([
    'by-tag',
    'arn:db:lb-drill-orders-1',
    'arn:secret:made',
  ]);
});

test('the tagging service alone does not bring back what its own service no longer lists', () => {
  const db = 'arn:aws:rds:us-east-1:333333333333:db:lb-drill-orders-1';
  const other = 'arn:aws:ec2:us-east-1:333333333333:network-interface/eni-1';
  const things = [db, other].map((arn) => ({ arn, source: 'tag:GetResources', drill: 'mine' }));
  const nothing = { things: [], unread: [] };
  const mine = { drill: 'mine', copyName: 'lb-drill-orders-1', arns: [] };
  expect(leftoversOf(nothing, { things, unread: [] }, mine)).toEqual([other]);
  const unread = [{ source: 'rds:DescribeDBInstances', reason: 'AccessDenied' }];
  expect(leftoversOf(nothing, { things, unread }, mine)).toEqual([db, other]);
});

test('a drill is billed for ten minutes at least, by class, storage and copy, and nobody guesses an unknown class', () => {
  const size = { instanceClass: 'db.t4g.medium', instances: 1, allocatedGiB: 730 };
  const brief = drillCost(size, 30, 0);
  expect(brief).toEqual(drillCost(size, 600, 0));
  expect(brief).toEqual({ amount: 0.03, currency: 'USD', ratesOf: 'us-east-1, 2026-07-01' });
  expect(drillCost(size, 7200, 0)?.amount).toBeCloseTo(2 * 0.065 + 2 * 0.115, 4);
  expect(drillCost(size, 30, 30 * 2 ** 30)?.amount).toBeCloseTo(0.03 + 0.19, 4);
  expect(drillCost({ ...size, instanceClass: 'db.x9.huge' }, 30, 0)).toBeNull();
});
