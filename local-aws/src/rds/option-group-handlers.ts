import * as RDS from '@aws-sdk/client-rds';
import type { Place } from '../platform.ts';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { majorOf, OPTION_GROUP } from './describe.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { room } from './limits.ts';
import { keyOf, rdsArn } from './names.ts';
import { byKey, page } from './paging.ts';
import type { OptionGroupRecord } from './records.ts';
import { tagContext, tagsFrom } from './tags.ts';

/** Option groups. PostgreSQL has no options, as in RDS: a group is a name that instances, snapshots and copies refer to. */
export function optionGroupHandlers({ platform, store, fleet }: RdsContext): Handlers<typeof RDS> {
  const major = majorOf(fleet.host.binaries.version);
  const fallback = OPTION_GROUP(major);

  return {
    async CreateOptionGroup(input, call) {
      refuseMembers('rds', 'CreateOptionGroup', input, ['TagSpecifications']);
      const name = required(input.OptionGroupName, 'OptionGroupName').toLowerCase();
      const tags = tagsFrom(input.Tags);
      platform.authorize(call, 'rds:CreateOptionGroup', rdsArn(call, 'og', name), tagContext(tags));
      if (!/^[a-z](-?[a-z0-9])*$/.test(name)) throw invalidValue(`Invalid option group name: ${name}`);
      if (input.EngineName !== 'postgres')
        throw invalidValue(`Invalid DB engine: ${input.EngineName ?? ''}. Here there is only postgres.`);
      if (input.MajorEngineVersion !== major)
        throw invalidCombination(
          `Cannot find major version ${input.MajorEngineVersion ?? ''} for postgres; here is ${major}.`,
        );
      const description = required(input.OptionGroupDescription, 'OptionGroupDescription');
      if (store.optionGroups.has(keyOf(call, name)))
        throw fault(RDS.OptionGroupAlreadyExistsFault, `An option group named ${name} already exists.`);
      const { full, max } = room(store, call, 'OptionGroups');
      if (full)
        throw fault(RDS.OptionGroupQuotaExceededFault, `Cannot create more than ${max} option groups.`);
      const { accountId, region } = call;
      const record = { accountId, region, name, description, majorVersion: major, tags };
      await store.optionGroups.put(keyOf(call, name), record);
      return { OptionGroup: describe(record) };
    },

    async DescribeOptionGroups(input, call) {
      refuseMembers('rds', 'DescribeOptionGroups', input, ['Filters']);
      const wanted = input.OptionGroupName?.toLowerCase();
      platform.authorize(call, 'rds:DescribeOptionGroups', rdsArn(call, 'og', wanted ?? '*'));
      if (wanted !== undefined && (input.EngineName !== undefined || input.MajorEngineVersion !== undefined))
        throw invalidCombination(
          'OptionGroupName cannot be given together with EngineName or MajorEngineVersion.',
        );
      const { accountId, region } = call;
      const description = `Default option group for postgres ${major}`;
      const all = [
        { accountId, region, name: fallback, description, majorVersion: major, tags: [] },
        ...[...store.optionGroups.values()].filter(
          (one) => one.accountId === accountId && one.region === region,
        ),
      ];
      const matching = all
        .filter(
          ({ name, majorVersion }) =>
            (wanted === undefined || name === wanted) &&
            (input.EngineName === undefined || input.EngineName === 'postgres') &&
            (input.MajorEngineVersion === undefined || input.MajorEngineVersion === majorVersion),
        )
        .sort(byKey(({ name }) => name));
      if (wanted !== undefined && matching.length === 0) throw missing(wanted);
      const { items, Marker } = page(matching, ({ name }) => name, input);
      return { OptionGroupsList: items.map(describe), Marker };
    },

    async ModifyOptionGroup(input, call) {
      const record = find(required(input.OptionGroupName, 'OptionGroupName'), call);
      platform.authorize(
        call,
        'rds:ModifyOptionGroup',
        rdsArn(call, 'og', record.name),
        tagContext([], record.tags),
      );
      const [option] = input.OptionsToInclude ?? [];
      if (option)
        throw invalidValue(`Invalid option: ${option.OptionName ?? ''}. PostgreSQL has no options.`);
      return { OptionGroup: describe(record) };
    },

    async DeleteOptionGroup(input, call) {
      const name = required(input.OptionGroupName, 'OptionGroupName').toLowerCase();
      platform.authorize(call, 'rds:DeleteOptionGroup', rdsArn(call, 'og', name));
      if (name === fallback)
        throw fault(RDS.InvalidOptionGroupStateFault, `The default option group ${name} cannot be deleted.`);
      const record = find(name, call);
      const isHere = (one: Place) => one.accountId === call.accountId && one.region === call.region;
      const user =
        [...store.instances.values()].find((one) => one.optionGroup === name && isHere(one)) ??
        [...store.snapshots.values()].find((one) => one.instance.optionGroup === name && isHere(one));
      if (user)
        throw fault(
          RDS.InvalidOptionGroupStateFault,
          `The option group ${name} cannot be deleted because it is in use by ${user.id}.`,
        );
      await store.optionGroups.remove(keyOf(call, record.name));
      return {};
    },
  };

  function find(ref: string, call: Call): OptionGroupRecord {
    const record = store.optionGroups.get(keyOf(call, ref.toLowerCase()));
    if (!record) throw missing(ref);
    return record;
  }
}

function missing(name: string): unknown {
  return fault(RDS.OptionGroupNotFoundFault, `Specified OptionGroupName: ${name} not found.`);
}

function describe(record: OptionGroupRecord): RDS.OptionGroup {
  return {
    OptionGroupName: record.name,
    OptionGroupDescription: record.description,
    EngineName: 'postgres',
    MajorEngineVersion: record.majorVersion,
    Options: [],
    AllowsVpcAndNonVpcInstanceMemberships: true,
    OptionGroupArn: rdsArn(record, 'og', record.name),
  };
}
