import * as Backup from '@aws-sdk/client-backup';
import type { Call, Handlers } from '../wire/handlers.ts';
import { tagsOf } from './access.ts';
import type { BackupContext } from './context.ts';
import { fault, required } from './faults.ts';
import { keyOf, parseVaultArn, samePlace } from './names.ts';
import type { RegionSettings, Tags } from './records.ts';

/** Aurora is not opted in until somebody does it, as in many real accounts: a plan then skips it without a word. */
const OPTED_IN = { RDS: true, S3: true, EBS: true, EC2: true, DynamoDB: true, EFS: true, Aurora: false };

interface Tagged {
  readonly tags: Tags;
  readonly policy: string | undefined;
  readonly put: (tags: Tags) => Promise<void>;
}

/** Opt-in per region, and tags of vaults, recovery points and legal holds. */
export function settingsHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { platform, store } = context;
  return {
    async DescribeRegionSettings(_input, call) {
      platform.authorize(call, 'backup:DescribeRegionSettings', '*');
      const { optIn, management } = settings(call);
      return {
        ResourceTypeOptInPreference: { ...optIn },
        ResourceTypeManagementPreference: { ...management },
      };
    },

    async UpdateRegionSettings(input, call) {
      platform.authorize(call, 'backup:UpdateRegionSettings', '*');
      const { optIn, management } = settings(call);
      await store.settings.put(keyOf(call, 'settings'), {
        ...{ accountId: call.accountId, region: call.region },
        optIn: { ...optIn, ...input.ResourceTypeOptInPreference },
        management: { ...management, ...input.ResourceTypeManagementPreference },
      });
      return {};
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

  function settings(call: Call): Pick<RegionSettings, 'optIn' | 'management'> {
    const { optIn = {}, management = {} } = store.settings.get(keyOf(call, 'settings')) ?? {};
    return { optIn: { ...OPTED_IN, ...optIn }, management };
  }

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
    const hold = [...store.holds.entries()].find(
      ([, { id, ...place }]) => samePlace(place, call) && arn.endsWith(`:legal-hold:${id}`),
    );
    if (!hold) return undefined;
    const [key, record] = hold;
    return { tags: record.tags, policy: undefined, put: (tags) => store.holds.put(key, { ...record, tags }) };
  }
}
