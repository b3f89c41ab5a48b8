import type { Policy, ResourceKind } from '../domain/policy/schema.ts';
import type { Condition } from '../domain/requests.ts';
import type { AwsClients } from './aws/clients.ts';
import { refuse } from './aws/errors.ts';
import { failure } from './failures.ts';
import type { Drivers } from './kinds/index.ts';
import type { Source } from './kinds/driver.ts';
import { createPreflight } from './preflight.ts';

/** What there is to protect, and whether it can be. */
export function createInventoryActivities({ clients, drivers }: { clients: AwsClients; drivers: Drivers }) {
  const preflight = createPreflight(clients, drivers);
  return {
    /** Every resource of the production account of the kinds that a policy protects; the population of a night is measured against it. */
    async discover({
      policy,
      kinds = ['rds-instance'],
    }: {
      policy: Policy;
      /** What the policy answers for; runs that began before there was a choice ask for instances. */
      kinds?: readonly ResourceKind[];
    }): Promise<{ arn: string; immutableId: string }[]> {
      try {
        const found = await Promise.all(kinds.map((kind) => drivers[kind].discover(policy)));
        return found.flat();
      } catch (error) {
        return refuse(error, {
          doing: 'list the resources of the production account',
          otherwise: 'PermissionMissing',
          forget: clients.forget,
        });
      }
    },

    async describeSource({ policy, resource }: { policy: Policy; resource: string }): Promise<Source> {
      const entry = policy.resources.find(({ name }) => name === resource);
      if (entry === undefined)
        throw failure('ResourceMissing', `The policy "${policy.name}" has no resource "${resource}".`, {
          resource,
        });
      try {
        return await drivers[entry.kind].describeSource(policy, entry);
      } catch (error) {
        return refuse(error, {
          doing: `describe ${resource}`,
          otherwise: 'ResourceMissing',
          forget: clients.forget,
        });
      }
    },

    /** @throws PreflightRefused when a condition is known not to hold; unknown ones are returned and do not stop a backup. */
    async preflight({ policy }: { policy: Policy }): Promise<Condition[]> {
      const conditions = await preflight.conditions(policy);
      const problems = conditions.filter(({ state }) => state === 'problem');
      if (problems.length > 0) {
        const sentences = problems.map(({ subject, saw, action }) => `${subject}: ${saw}. ${action}`);
        throw failure('PreflightRefused', sentences.join(' '), { problems });
      }
      return conditions.filter(({ state }) => state === 'unknown');
    },
  };
}
