import * as RDS from '@aws-sdk/client-rds';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { ClusterContext } from './cluster-context.ts';
import { createMember, deleteMember, modifyMember } from './cluster-members.ts';
import { describeInstance } from './describe.ts';
import { fault, invalidCombination } from './faults.ts';
import { idFrom } from './instance-handlers.ts';
import { keyOf, rdsArn } from './names.ts';
import type { InstanceRecord } from './records.ts';
import { tagContext } from './tags.ts';

type Instances = Required<
  Pick<
    Handlers<typeof RDS>,
    'CreateDBInstance' | 'DeleteDBInstance' | 'ModifyDBInstance' | 'RebootDBInstance' | 'StopDBInstance'
  > &
    Pick<Handlers<typeof RDS>, 'StartDBInstance'>
>;

/** Members of clusters are instances, too, and these operations do otherwise with them; `plain` does the rest. */
export function memberHandlers(context: ClusterContext, plain: Handlers<typeof RDS>): Instances {
  const { platform, store, clusters } = context;
  const instances = plain as Instances;
  return {
    async CreateDBInstance(input, call) {
      if (input.DBClusterIdentifier === undefined) return instances.CreateDBInstance(input, call);
      return { DBInstance: await createMember(context, input, call) };
    },

    async DeleteDBInstance(input, call) {
      const member = find('rds:DeleteDBInstance', input.DBInstanceIdentifier, call);
      if (!member) return instances.DeleteDBInstance(input, call);
      return { DBInstance: await deleteMember(context, member, input) };
    },

    async ModifyDBInstance(input, call) {
      const member = find('rds:ModifyDBInstance', input.DBInstanceIdentifier, call);
      if (!member) return instances.ModifyDBInstance(input, call);
      return { DBInstance: await modifyMember(context, member, input, call) };
    },

    async RebootDBInstance(input, call) {
      const member = find('rds:RebootDBInstance', input.DBInstanceIdentifier, call);
      if (!member || input.ForceFailover === true) return instances.RebootDBInstance(input, call);
      if (member.status !== 'available')
        throw fault(
          RDS.InvalidDBInstanceStateFault,
          `Instance ${member.id} is not in available state. Its state is ${member.status}.`,
        );
      const rebooting = { ...member, status: 'rebooting' };
      await store.instances.put(keyOf(member, member.id), rebooting);
      clusters.rebootMember(rebooting);
      return { DBInstance: describeInstance(store, rebooting) };
    },

    async StopDBInstance(input, call) {
      refuse('StopDBInstance', find('rds:StopDBInstance', input.DBInstanceIdentifier, call));
      return instances.StopDBInstance(input, call);
    },

    async StartDBInstance(input, call) {
      refuse('StartDBInstance', find('rds:StartDBInstance', input.DBInstanceIdentifier, call));
      return instances.StartDBInstance(input, call);
    },
  };

  /** The member, when the caller may; undefined for everything else, which is somebody else's to judge. */
  function find(action: string, ref: string | undefined, call: Call): InstanceRecord | undefined {
    const record = ref === undefined ? undefined : store.instance(call, idFrom(ref));
    if (!record?.member) return undefined;
    platform.authorize(call, action, rdsArn(record, 'db', record.id), tagContext([], record.tags));
    return record;
  }

  function refuse(operation: string, member: InstanceRecord | undefined): void {
    if (!member?.member) return;
    throw invalidCombination(
      `${operation} is not for members of a cluster: ${member.id} belongs to ${member.member.clusterId}. Use ${operation.replace('Instance', 'Cluster')}.`,
    );
  }
}
