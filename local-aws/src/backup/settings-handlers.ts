import * as Backup from '@aws-sdk/client-backup';
import { notImplemented } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { tagsOf } from './access.ts';
import type { BackupContext } from './context.ts';
import { date } from './describe.ts';
import { fault, required } from './faults.ts';
import { keyOf, parseVaultArn, planArn, samePlace } from './names.ts';
import type { Tags } from './records.ts';
import { changeGlobalSettings, globalSettings, regionSettings } from './settings.ts';

interface Tagged {
  readonly tags: Tags;
  readonly policy: string | undefined;
  readonly put: (tags: Tags) => Promise<void>;
}

/** Opt-in per region, settings of the organization, and tags of vaults, recovery points, plans and legal holds. */
export function settingsHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { platform, store } = context;
  return {
    async DescribeRegionSettings(_input, call) {
      platform.authorize(call, 'backup:DescribeRegionSettings', '*');
      const { optIn, management } = regionSettings(store, call);
      return {
        ResourceTypeOptInPreference: { ...optIn },
        ResourceTypeManagementPreference: { ...management },
      };
    },

    async UpdateRegionSettings(input, call) {
      platform.authorize(call, 'backup:UpdateRegionSettings', '*');
      const { optIn, management } = regionSettings(store, call);
      requireKnown(input.ResourceTypeOptInPreference, optIn);
      requireKnown(input.ResourceTypeManagementPreference, management);
      await store.settings.put(keyOf(call, 'settings'), {
        ...{ accountId: call.accountId, region: call.region },
        optIn: { ...optIn, ...input.ResourceTypeOptInPreference },
        management: { ...management, ...input.ResourceTypeManagementPreference },
      });
      return {};
    },

    async DescribeGlobalSettings(_input, call) {
      platform.authorize(call, 'backup:DescribeGlobalSettings', '*');
      const { values, changedAt } = globalSettings(store);
      return { GlobalSettings: { ...values }, LastUpdateTime: date(changedAt) };
    },

    /** The first account stands for the organization's management account. */
    async UpdateGlobalSettings(input, call) {
      platform.authorize(call, 'backup:UpdateGlobalSettings', '*');
      const changes = input.GlobalSettings ?? {};
      if (call.accountId !== platform.accountIds()[0])
        throw fault(
          Backup.InvalidRequestException,
          `Account ${call.accountId} is not the management account of the organization; only that may change global settings.`,
        );
      requireKnown(changes, globalSettings(store).values);
      const wrong = Object.entries(changes).find(([, value]) => value !== 'true' && value !== 'false');
      if (wrong)
        throw fault(
          Backup.InvalidParameterValueException,
          `The global setting ${wrong[0]} must be true or false; it is ${wrong[1]}.`,
        );
      if (changes['isMpaEnabled'] === 'true')
        throw notImplemented('backup', 'UpdateGlobalSettings with isMpaEnabled (multi-party approval)');
      await changeGlobalSettings(store, changes);
      return {};
    },

    async GetSupportedResourceTypes(_input, call) {
      platform.authorize(call, 'backup:GetSupportedResourceTypes', '*');
      return { ResourceTypes: [...context.kinds.types].sort() };
    },

    async ListTags(input, call) {
      const arn = required(input.ResourceArn, 'ResourceArn');
      return { Tags: { ...find(arn, 'backup:ListTags', call).tags } };
    },

    async TagResource(input, call) {
      const arn = required(input.ResourceArn, 'ResourceArn');
      const added = required(input.Tags, 'Tags');
      const resource = find(arn, 'backup:TagResource', call, tagsOf(added, 'RequestTag'));
      await resource.put({ ...resource.tags, ...added });
      return {};
    },

    async UntagResource(input, call) {
      const arn = required(input.ResourceArn, 'ResourceArn');
      const removed = new Set(required(input.TagKeyList, 'TagKeyList'));
      const resource = find(arn, 'backup:UntagResource', call);
      await resource.put(
        Object.fromEntries(Object.entries(resource.tags).filter(([key]) => !removed.has(key))),
      );
      return {};
    },
  };

  function find(arn: string, action: string, call: Call, request: Record<string, string> = {}): Tagged {
    const resource = lookUp(arn, call);
    platform.authorize(
      call,
      action,
      arn,
      { ...tagsOf(resource?.tags), ...request },
      { resourcePolicy: resource?.policy },
    );
    if (!resource) throw fault(Backup.ResourceNotFoundException, `The resource ${arn} does not exist.`);
    return resource;
  }

  function lookUp(arn: string, call: Call): Tagged | undefined {
    const named = parseVaultArn(arn);
    const vault = named && samePlace(named, call) ? store.vault(named, named.name) : undefined;
    if (vault) {
      const put = (tags: Tags) => store.vaults.put(keyOf(vault, vault.name), { ...vault, tags });
      return { tags: vault.tags, policy: vault.policy, put };
    }
    const point = store.points.get(arn);
    if (point && samePlace(point, call)) {
      const put = (tags: Tags) => store.points.put(arn, { ...point, tags });
      return { tags: point.tags, policy: store.vault(point, point.vaultName)?.policy, put };
    }
    const plan = [...store.plans.values()].find(
      (record) => samePlace(record, call) && arn === planArn(record, record.id),
    );
    if (plan) {
      const put = (tags: Tags) => store.plans.put(keyOf(plan, plan.id), { ...plan, tags });
      return { tags: plan.tags, policy: undefined, put };
    }
    const hold = [...store.holds.entries()].find(
      ([, { id, ...place }]) => samePlace(place, call) && arn.endsWith(`:legal-hold:${id}`),
    );
    if (!hold) return undefined;
    const [key, record] = hold;
    return { tags: record.tags, policy: undefined, put: (tags) => store.holds.put(key, { ...record, tags }) };
  }
}

function requireKnown(given: object | undefined, known: object): void {
  const unknown = Object.keys(given ?? {}).find((name) => !(name in known));
  if (unknown === undefined) return;
  const message = `${unknown} is not one of ${Object.keys(known).sort().join(', ')}.`;
  throw fault(Backup.InvalidParameterValueException, message);
}
