import type * as EC2 from '@aws-sdk/client-ec2';
import { awsError } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { dependency, invalidValue, type Ec2Context } from './context.ts';
import { applyFilters, missing, pickIds, tagsFor } from './filters.ts';
import { egressOf, newId, type GroupRecord, type Permission } from './networks.ts';
import { readPermissions, samePermission, showPermissions } from './permissions.ts';

type Direction = 'ingress' | 'egress';
type PermissionInput = Parameters<typeof readPermissions>[0] & {
  readonly GroupId?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly SecurityGroupRuleIds?: string[] | undefined;
};

/** Security groups. What comes in is enforced; what goes out is kept and shown only. */
export function groupHandlers(context: Ec2Context): Handlers<typeof EC2> {
  const { networks } = context;
  const rulesOf = (group: GroupRecord, direction: Direction): readonly Permission[] =>
    direction === 'ingress' ? group.permissions : egressOf(group);
  const withRules = (group: GroupRecord, direction: Direction, rules: readonly Permission[]): GroupRecord =>
    direction === 'ingress' ? { ...group, permissions: rules } : { ...group, egress: rules };

  const authorizeRules = async (input: PermissionInput, call: Call, direction: Direction) => {
    context.permit(call, 'security-group', input.GroupId ?? input.GroupName ?? '');
    const group = context.groupOf(input.GroupId, input.GroupName, call);
    const added = readPermissions(input);
    const known = rulesOf(group, direction);
    for (const { peerGroupId } of added) if (peerGroupId !== undefined) peerOf(peerGroupId);
    if (added.some((permission) => known.some((rule) => samePermission(rule, permission))))
      throw awsError({
        code: 'InvalidPermission.Duplicate',
        status: 400,
        message: 'the specified rule already exists',
      });
    await networks.putGroup(withRules(group, direction, [...known, ...added]));
    return { Return: true, SecurityGroupRules: added.map((rule) => showRule(group, rule, direction)) };
  };
  const revokeRules = async (input: PermissionInput, call: Call, direction: Direction) => {
    context.permit(call, 'security-group', input.GroupId ?? input.GroupName ?? '');
    const group = context.groupOf(input.GroupId, input.GroupName, call);
    const known = rulesOf(group, direction);
    const ids = input.SecurityGroupRuleIds ?? [];
    const removed =
      ids.length > 0 ? known.filter(({ ruleId }) => ids.includes(ruleId)) : readPermissions(input);
    const isRemoved = (rule: Permission): boolean => removed.some((each) => samePermission(rule, each));
    if (removed.length === 0 || !removed.every((each) => known.some((rule) => samePermission(rule, each))))
      throw awsError({
        code: 'InvalidPermission.NotFound',
        status: 400,
        message: 'The specified rule does not exist in this security group.',
      });
    await networks.putGroup(
      withRules(
        group,
        direction,
        known.filter((rule) => !isRemoved(rule)),
      ),
    );
    return { Return: true };
  };
  /** A peer may be in another account, over a peering. */
  const peerOf = (id: string): GroupRecord => {
    const peer = networks.groups.get(id);
    if (!peer) throw missing('InvalidGroup.NotFound', 'security group', id);
    return peer;
  };

  return {
    async CreateSecurityGroup(input, call) {
      context.permit(call, 'security-group', '*');
      const vpc =
        input.VpcId === undefined ? (await networks.defaultVpc(call)).vpc : context.vpcOf(input.VpcId, call);
      const name = input.GroupName ?? '';
      if (name === '' || name.startsWith('sg-'))
        throw invalidValue(`Value (${name}) for parameter GroupName is invalid.`);
      if ([...networks.groups.values()].some((group) => group.vpcId === vpc.id && group.name === name))
        throw awsError({
          code: 'InvalidGroup.Duplicate',
          status: 400,
          message: `The security group '${name}' already exists for VPC '${vpc.id}'`,
        });
      const { accountId, region } = call;
      const tags = tagsFor('security-group', input.TagSpecifications);
      const group: GroupRecord = {
        ...{ id: newId('sg'), accountId, region, name, description: input.Description ?? '' },
        ...{ vpcId: vpc.id, permissions: [], tags },
      };
      await networks.putGroup(group);
      return {
        GroupId: group.id,
        Tags: tags,
        SecurityGroupArn: context.arn(call, 'security-group', group.id),
      };
    },
    async DescribeSecurityGroups(input, call) {
      context.permitList(call);
      const names = input.GroupNames ?? [];
      const byName = context
        .mine(networks.groups.values(), call)
        .filter(({ name }) => names.length === 0 || names.includes(name));
      const found = pickIds(byName, input.GroupIds, 'InvalidGroup.NotFound', 'security group');
      const cidrs = (rules: readonly Permission[]): string[] => rules.flatMap(({ cidr }) => cidr ?? []);
      const fields = {
        'group-id': (group: GroupRecord) => group.id,
        'group-name': (group: GroupRecord) => group.name,
        'vpc-id': (group: GroupRecord) => group.vpcId,
        'owner-id': (group: GroupRecord) => group.accountId,
        description: (group: GroupRecord) => group.description,
        'ip-permission.cidr': (group: GroupRecord) => cidrs(group.permissions),
        'ip-permission.from-port': (group: GroupRecord) =>
          group.permissions.map(({ fromPort }) => String(fromPort)),
        'ip-permission.to-port': (group: GroupRecord) =>
          group.permissions.map(({ toPort }) => String(toPort)),
        'ip-permission.group-id': (group: GroupRecord) =>
          group.permissions.flatMap(({ peerGroupId }) => peerGroupId ?? []),
        'egress.ip-permission.cidr': (group: GroupRecord) => cidrs(egressOf(group)),
      };
      const { items, ...rest } = context.page(
        applyFilters(found, input.Filters, fields, call.operation),
        input,
      );
      return {
        SecurityGroups: items.map((group) => show(group, context.arn(call, 'security-group', group.id))),
        ...rest,
      };
    },
    async DescribeSecurityGroupRules(input, call) {
      context.permitList(call);
      const all = context.mine(networks.groups.values(), call).flatMap((group) => [
        ...group.permissions.map((rule) => ({
          id: rule.ruleId,
          group,
          rule,
          direction: 'ingress' as const,
          tags: [],
        })),
        ...egressOf(group).map((rule) => ({
          id: rule.ruleId,
          group,
          rule,
          direction: 'egress' as const,
          tags: [],
        })),
      ]);
      const found = pickIds(
        all,
        input.SecurityGroupRuleIds,
        'InvalidSecurityGroupRuleId.NotFound',
        'security group rule ID',
      );
      const fields = {
        'group-id': ({ group }: (typeof all)[number]) => group.id,
        'security-group-rule-id': ({ id }: (typeof all)[number]) => id,
      };
      const { items, ...rest } = context.page(
        applyFilters(found, input.Filters, fields, call.operation),
        input,
      );
      return {
        SecurityGroupRules: items.map(({ group, rule, direction }) => showRule(group, rule, direction)),
        ...rest,
      };
    },
    AuthorizeSecurityGroupIngress: (input, call) => authorizeRules(input, call, 'ingress'),
    AuthorizeSecurityGroupEgress: (input, call) => authorizeRules(input, call, 'egress'),
    RevokeSecurityGroupIngress: (input, call) => revokeRules(input, call, 'ingress'),
    RevokeSecurityGroupEgress: (input, call) => revokeRules(input, call, 'egress'),
    async DeleteSecurityGroup({ GroupId, GroupName }, call) {
      context.permit(call, 'security-group', GroupId ?? GroupName ?? '');
      const group = context.groupOf(GroupId, GroupName, call);
      if (group.name === 'default')
        throw awsError({
          code: 'CannotDelete',
          status: 400,
          message: `the specified group: "${group.id}" name: "default" cannot be deleted by a user`,
        });
      context.refuseIfUsed(group.id);
      const referring = [...networks.groups.values()].find(
        (each) =>
          each.id !== group.id &&
          [...each.permissions, ...egressOf(each)].some(({ peerGroupId }) => peerGroupId === group.id),
      );
      if (referring)
        throw dependency(`resource ${group.id} has a dependent object: a rule of ${referring.id}`);
      await networks.groups.remove(group.id);
      return { Return: true, GroupId: group.id };
    },
  };
}

function showRule(group: GroupRecord, rule: Permission, direction: Direction): EC2.SecurityGroupRule {
  const everything = rule.protocol === '-1';
  return {
    SecurityGroupRuleId: rule.ruleId,
    GroupId: group.id,
    GroupOwnerId: group.accountId,
    IsEgress: direction === 'egress',
    IpProtocol: rule.protocol,
    FromPort: everything ? -1 : rule.fromPort,
    ToPort: everything ? -1 : rule.toPort,
    ...(rule.cidr === undefined ? {} : { CidrIpv4: rule.cidr }),
    ...(rule.peerGroupId === undefined ? {} : { ReferencedGroupInfo: { GroupId: rule.peerGroupId } }),
    ...(rule.description === undefined ? {} : { Description: rule.description }),
    Tags: [],
  };
}

function show(group: GroupRecord, groupArn: string): EC2.SecurityGroup {
  return {
    GroupId: group.id,
    GroupName: group.name,
    Description: group.description,
    VpcId: group.vpcId,
    OwnerId: group.accountId,
    SecurityGroupArn: groupArn,
    IpPermissions: showPermissions(group.permissions, group.accountId),
    IpPermissionsEgress: showPermissions(egressOf(group), group.accountId),
    Tags: [...group.tags],
  };
}
