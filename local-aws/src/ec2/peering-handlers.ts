import type * as EC2 from '@aws-sdk/client-ec2';
import { awsError } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { invalidValue, type Ec2Context } from './context.ts';
import { applyFilters, missing, tagsFor } from './filters.ts';
import { newId, type VpcRecord } from './networks.ts';
import type { PeeringRecord, PeerRecord } from './topology.ts';

/** Peerings join two VPCs, of any account and region, once both sides want it and have routes. */
export function peeringHandlers(context: Ec2Context): Handlers<typeof EC2> {
  const { networks, topology } = context;
  const isAt = ({ accountId, region }: PeerRecord, call: Call): boolean =>
    accountId === call.accountId && region === call.region;
  const seenBy = (call: Call): PeeringRecord[] =>
    [...topology.peerings.values()].filter(
      ({ requester, accepter }) => isAt(requester, call) || isAt(accepter, call),
    );
  const existing = (id: string | undefined, call: Call): PeeringRecord => {
    const peering = seenBy(call).find((each) => each.id === id);
    if (!peering) throw missing('InvalidVpcPeeringConnectionID.NotFound', 'vpcPeeringConnection ID', id);
    return peering;
  };
  const move = async (peering: PeeringRecord, status: PeeringRecord['status']): Promise<PeeringRecord> => {
    const moved = { ...peering, status };
    await topology.peerings.put(peering.id, moved);
    networks.announce();
    return moved;
  };
  const pending = (peering: PeeringRecord, call: Call): PeeringRecord => {
    if (peering.status !== 'pending-acceptance' || !isAt(peering.accepter, call))
      throw awsError({
        code: 'InvalidStateTransition',
        status: 400,
        message: `VpcPeeringConnection ${peering.id} is ${peering.status}, or is to be answered by the owner of ${peering.accepter.vpcId}.`,
      });
    return peering;
  };

  return {
    async CreateVpcPeeringConnection(input, call) {
      context.permit(call, 'vpc-peering-connection', '*');
      const vpc = context.vpcOf(input.VpcId, call);
      const owner = input.PeerOwnerId ?? call.accountId;
      const region = input.PeerRegion ?? call.region;
      const peer = networks.vpcRecord(input.PeerVpcId ?? '');
      if (peer?.accountId !== owner || peer.region !== region)
        throw missing('InvalidVpcID.NotFound', 'vpc ID', input.PeerVpcId);
      if (peer.id === vpc.id) throw invalidValue('A VPC cannot be peered with itself.');
      const peering: PeeringRecord = {
        ...{ id: newId('pcx'), accountId: call.accountId, region: call.region },
        ...{ requester: end(vpc), accepter: end(peer), status: 'pending-acceptance' },
        tags: tagsFor('vpc-peering-connection', input.TagSpecifications),
      };
      await topology.peerings.put(peering.id, peering);
      return { VpcPeeringConnection: show(peering) };
    },
    async AcceptVpcPeeringConnection({ VpcPeeringConnectionId: id }, call) {
      context.permit(call, 'vpc-peering-connection', id ?? '');
      return { VpcPeeringConnection: show(await move(pending(existing(id, call), call), 'active')) };
    },
    async RejectVpcPeeringConnection({ VpcPeeringConnectionId: id }, call) {
      context.permit(call, 'vpc-peering-connection', id ?? '');
      await move(pending(existing(id, call), call), 'rejected');
      return { Return: true };
    },
    async DeleteVpcPeeringConnection({ VpcPeeringConnectionId: id }, call) {
      context.permit(call, 'vpc-peering-connection', id ?? '');
      await move(existing(id, call), 'deleted');
      return { Return: true };
    },
    async DescribeVpcPeeringConnections(input, call) {
      context.permitList(call);
      const ids = input.VpcPeeringConnectionIds ?? [];
      for (const id of ids) existing(id, call);
      const found = seenBy(call).filter(({ id }) => ids.length === 0 || ids.includes(id));
      const fields = {
        'vpc-peering-connection-id': ({ id }: PeeringRecord) => id,
        'status-code': ({ status }: PeeringRecord) => status,
        'requester-vpc-info.vpc-id': ({ requester }: PeeringRecord) => requester.vpcId,
        'requester-vpc-info.owner-id': ({ requester }: PeeringRecord) => requester.accountId,
        'requester-vpc-info.cidr-block': ({ requester }: PeeringRecord) => requester.cidr,
        'accepter-vpc-info.vpc-id': ({ accepter }: PeeringRecord) => accepter.vpcId,
        'accepter-vpc-info.owner-id': ({ accepter }: PeeringRecord) => accepter.accountId,
        'accepter-vpc-info.cidr-block': ({ accepter }: PeeringRecord) => accepter.cidr,
      };
      const { items, ...rest } = context.page(
        applyFilters(found, input.Filters, fields, call.operation),
        input,
      );
      return { VpcPeeringConnections: items.map(show), ...rest };
    },
  };
}

function end({ id, accountId, region, cidr }: VpcRecord): PeerRecord {
  return { vpcId: id, accountId, region, cidr };
}

const MESSAGES: Readonly<Record<PeeringRecord['status'], string>> = {
  'pending-acceptance': 'Pending Acceptance',
  active: 'Active',
  rejected: 'Rejected',
  deleted: 'Deleted',
};

function show(peering: PeeringRecord): EC2.VpcPeeringConnection {
  const info = ({ vpcId, accountId, region, cidr }: PeerRecord): EC2.VpcPeeringConnectionVpcInfo => ({
    ...{ VpcId: vpcId, OwnerId: accountId, Region: region, CidrBlock: cidr },
    CidrBlockSet: [{ CidrBlock: cidr }],
  });
  return {
    VpcPeeringConnectionId: peering.id,
    Status: { Code: peering.status, Message: MESSAGES[peering.status] },
    RequesterVpcInfo: info(peering.requester),
    AccepterVpcInfo: info(peering.accepter),
    Tags: [...peering.tags],
  };
}
