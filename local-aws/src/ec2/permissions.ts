import type { AuthorizeSecurityGroupIngressCommandInput, IpPermission } from '@aws-sdk/client-ec2';
import { awsError, notImplemented } from '../wire/errors.ts';
import { parseBlock } from './blocks.ts';
import { newId, type Permission } from './networks.ts';

type PermissionInput = Pick<
  AuthorizeSecurityGroupIngressCommandInput,
  'IpPermissions' | 'CidrIp' | 'FromPort' | 'ToPort' | 'IpProtocol'
>;

/** Reads both forms of the request into one permission per source. */
export function readPermissions(input: PermissionInput): Permission[] {
  const simple: IpPermission[] =
    input.CidrIp === undefined
      ? []
      : [
          {
            IpProtocol: input.IpProtocol,
            FromPort: input.FromPort,
            ToPort: input.ToPort,
            IpRanges: [{ CidrIp: input.CidrIp }],
          },
        ];
  const all = [...simple, ...(input.IpPermissions ?? [])];
  if (all.length === 0)
    throw invalid('MissingParameter', 'The request must contain the parameter ipPermissions or cidrIp.');
  return all.flatMap(readOne);
}

function readOne(permission: IpPermission): Permission[] {
  const {
    IpProtocol = '-1',
    IpRanges = [],
    UserIdGroupPairs = [],
    Ipv6Ranges = [],
    PrefixListIds = [],
  } = permission;
  if (Ipv6Ranges.length > 0 || PrefixListIds.length > 0)
    throw notImplemented('ec2', 'ingress from IPv6 ranges or prefix lists');
  const everything = IpProtocol === '-1';
  const base = {
    protocol: IpProtocol,
    fromPort: everything ? 0 : (permission.FromPort ?? -1),
    toPort: everything ? 65_535 : (permission.ToPort ?? -1),
  };
  if (base.fromPort < 0 || base.toPort > 65_535 || base.fromPort > base.toPort) {
    throw invalid('InvalidParameterValue', `Invalid port range ${base.fromPort}-${base.toPort}.`);
  }
  const ranges = IpRanges.map(({ CidrIp = '', Description }) => {
    if (!parseBlock(CidrIp)) throw invalid('InvalidParameterValue', `CIDR block ${CidrIp} is malformed`);
    return { ...base, ruleId: newId('sgr'), cidr: CidrIp, peerGroupId: undefined, description: Description };
  });
  const peers = UserIdGroupPairs.map(({ GroupId, Description }) => ({
    ...base,
    ruleId: newId('sgr'),
    cidr: undefined,
    peerGroupId: GroupId,
    description: Description,
  }));
  if (ranges.length + peers.length === 0)
    throw invalid('InvalidParameterValue', 'A permission needs at least one source.');
  return [...ranges, ...peers];
}

export function samePermission(a: Permission, b: Permission): boolean {
  return (
    a.protocol === b.protocol &&
    a.fromPort === b.fromPort &&
    a.toPort === b.toPort &&
    a.cidr === b.cidr &&
    a.peerGroupId === b.peerGroupId
  );
}

/** As DescribeSecurityGroups shows them: grouped by protocol and ports. */
export function showPermissions(permissions: readonly Permission[], accountId: string): IpPermission[] {
  const grouped = new Map<string, Permission[]>();
  for (const permission of permissions) {
    const key = `${permission.protocol}/${permission.fromPort}/${permission.toPort}`;
    grouped.set(key, [...(grouped.get(key) ?? []), permission]);
  }
  return [...grouped.values()].map((same) => {
    const { protocol = '-1', fromPort, toPort } = same[0] ?? {};
    return {
      IpProtocol: protocol,
      ...(protocol === '-1' ? {} : { FromPort: fromPort, ToPort: toPort }),
      IpRanges: same.flatMap(({ cidr, description }) =>
        cidr === undefined ? [] : [{ CidrIp: cidr, Description: description }],
      ),
      UserIdGroupPairs: same.flatMap(({ peerGroupId }) =>
        peerGroupId === undefined ? [] : [{ GroupId: peerGroupId, UserId: accountId }],
      ),
      Ipv6Ranges: [],
      PrefixListIds: [],
    };
  });
}

function invalid(code: string, message: string): Error {
  return awsError({ code, status: 400, message });
}
