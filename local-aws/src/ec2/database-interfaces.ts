import { createHash } from 'node:crypto';
import type { InterfaceFacts } from '../platform.ts';
import type { RdsContext } from '../rds/context.ts';
import { contains, parseBlock } from './blocks.ts';

/** The network interfaces that RDS has put into subnets: one per database that has an address of its own. */
export function databaseInterfaces({ store, platform }: RdsContext): InterfaceFacts[] {
  return [...store.instances.values()].flatMap((instance) => {
    const { accountId, region, vpcId, address, fenced, securityGroupIds } = instance;
    if (!fenced) return [];
    // 127.a.b.c on this computer is 10.a.b.c of the VPC.
    const privateIp = address.replace(/^127\./, '10.');
    const own = parseBlock(`${privateIp}/32`);
    const group = [...store.subnetGroups.values()].find(
      ({ name, accountId: owner, region: where }) =>
        name === instance.subnetGroup && owner === accountId && where === region,
    );
    const subnet = platform.networks.subnets(group?.subnetIds ?? []).find(({ cidr }) => {
      const block = parseBlock(cidr);
      return own !== undefined && block !== undefined && contains(block, own);
    });
    const id = createHash('sha256')
      .update(`${accountId}/${region}/${instance.dbiResourceId}`)
      .digest('hex')
      .slice(0, 17);
    return [
      {
        ...{ id: `eni-${id}`, accountId, region, vpcId, subnetId: subnet?.id ?? '', privateIp },
        ...{ groupIds: securityGroupIds, description: 'RDSNetworkInterface' },
      },
    ];
  });
}
