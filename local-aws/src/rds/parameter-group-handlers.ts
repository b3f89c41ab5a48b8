import * as RDS from '@aws-sdk/client-rds';
import { notImplemented, refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { majorOf, PARAMETER_GROUP } from './describe.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { room } from './limits.ts';
import { keyOf, parseRdsArn, rdsArn } from './names.ts';
import { byKey, page } from './paging.ts';
import {
  checkedParameter,
  configuration,
  engineParameters,
  groupParameters,
  modifiable,
} from './parameters.ts';
import type { InstanceRecord, ParameterGroupRecord } from './records.ts';
import { tagContext, tagsFrom } from './tags.ts';

const MOST_PER_CALL = 20;
const OLDEST = 11;
const SOURCES = ['user', 'system', 'engine-default'];

/** Parameter groups. What is set in them is set in the servers: dynamic parameters at once, static ones at the next start. */
export function parameterGroupHandlers({ platform, store, fleet }: RdsContext): Handlers<typeof RDS> {
  const { version } = fleet.host.binaries;
  const family = `postgres${majorOf(version)}`;
  /** Groups of earlier versions can be made; no instance here can use them, and nobody knows their parameters. */
  const families = Array.from(
    { length: Number(majorOf(version)) - OLDEST + 1 },
    (_, i) => `postgres${OLDEST + i}`,
  );
  const fallback = PARAMETER_GROUP(majorOf(version));

  return {
    async CreateDBParameterGroup(input, call) {
      refuseMembers('rds', 'CreateDBParameterGroup', input, ['TagSpecifications']);
      const name = newName(required(input.DBParameterGroupName, 'DBParameterGroupName'));
      const tags = tagsFrom(input.Tags);
      platform.authorize(call, 'rds:CreateDBParameterGroup', rdsArn(call, 'pg', name), tagContext(tags));
      const wanted = required(input.DBParameterGroupFamily, 'DBParameterGroupFamily');
      if (!families.includes(wanted))
        throw invalidValue(
          `ParameterGroupFamily ${wanted} is not a valid parameter group family here; valid ones are ${families.join(', ')}.`,
        );
      const description = required(input.Description, 'Description');
      const record = await add(call, { name, family: wanted, description, tags });
      return { DBParameterGroup: describe(record) };
    },

    async CopyDBParameterGroup(input, call) {
      refuseMembers('rds', 'CopyDBParameterGroup', input, ['TagSpecifications']);
      const source = find(
        required(input.SourceDBParameterGroupIdentifier, 'SourceDBParameterGroupIdentifier'),
        call,
      );
      const name = newName(
        required(input.TargetDBParameterGroupIdentifier, 'TargetDBParameterGroupIdentifier'),
      );
      const description = required(
        input.TargetDBParameterGroupDescription,
        'TargetDBParameterGroupDescription',
      );
      const tags = tagsFrom(input.Tags);
      platform.authorize(
        call,
        'rds:CopyDBParameterGroup',
        rdsArn(call, 'pg', name),
        tagContext(tags, source.tags),
      );
      const { family: same, parameters } = source;
      const record = await add(call, { name, family: same, description, tags, parameters });
      return { DBParameterGroup: describe(record) };
    },

    async DescribeDBParameterGroups(input, call) {
      refuseMembers('rds', 'DescribeDBParameterGroups', input, ['Filters']);
      const wanted = input.DBParameterGroupName;
      platform.authorize(call, 'rds:DescribeDBParameterGroups', rdsArn(call, 'pg', wanted ?? '*'));
      if (wanted !== undefined) return { DBParameterGroups: [describe(find(wanted, call))] };
      const all = [theDefault(call), ...mine(call)].sort(byKey(({ name }) => name));
      const { items, Marker } = page(all, ({ name }) => name, input);
      return { DBParameterGroups: items.map(describe), Marker };
    },

    async DescribeDBParameters(input, call) {
      refuseMembers('rds', 'DescribeDBParameters', input, ['Filters']);
      const group = find(required(input.DBParameterGroupName, 'DBParameterGroupName'), call);
      authorizeOn('rds:DescribeDBParameters', group, call);
      if (input.Source !== undefined && !SOURCES.includes(input.Source))
        throw invalidValue(`Invalid source: ${input.Source}. It must be one of ${SOURCES.join(', ')}.`);
      requireKnown(group);
      const all = (await groupParameters(fleet.host, group)).filter(
        ({ Source }) => input.Source === undefined || Source === input.Source,
      );
      const { items, Marker } = page(all, ({ ParameterName = '' }) => ParameterName, input);
      return { Parameters: items, Marker };
    },

    async DescribeEngineDefaultParameters(input, call) {
      refuseMembers('rds', 'DescribeEngineDefaultParameters', input, ['Filters']);
      platform.authorize(call, 'rds:DescribeEngineDefaultParameters', '*');
      const wanted = required(input.DBParameterGroupFamily, 'DBParameterGroupFamily');
      if (wanted !== family)
        throw invalidValue(`Invalid DB parameter group family: ${wanted}; ${family} is here.`);
      const { items, Marker } = page(
        await engineParameters(fleet.host),
        ({ ParameterName = '' }) => ParameterName,
        input,
      );
      return { EngineDefaults: { DBParameterGroupFamily: family, Parameters: items, Marker } };
    },

    async ModifyDBParameterGroup(input, call) {
      const group = findOwn(required(input.DBParameterGroupName, 'DBParameterGroupName'), call);
      authorizeOn('rds:ModifyDBParameterGroup', group, call);
      requireKnown(group);
      const asked = input.Parameters ?? [];
      if (asked.length === 0) throw invalidValue('Parameters must name at least one parameter.');
      if (asked.length > MOST_PER_CALL)
        throw invalidValue(`A maximum of ${MOST_PER_CALL} parameters can be modified in a single request.`);
      const known = await engineParameters(fleet.host);
      const changes = asked.map((parameter) => checkedParameter(known, parameter));
      const current = findOwn(group.name, call); // it may have gone or changed while the engine was asked
      const set = changes.map(({ name, value, applyMethod }) => [name, { value, applyMethod }] as const);
      const parameters = { ...current.parameters, ...Object.fromEntries(set) };
      await store.parameterGroups.put(keyOf(call, group.name), { ...current, parameters });
      const at = (method: string) => changes.filter(({ applyMethod }) => applyMethod === method);
      await changed(
        group,
        Object.fromEntries(at('immediate').flatMap(({ name, value }) => configuration(name, value))),
        at('pending-reboot').length > 0,
      );
      return { DBParameterGroupName: group.name };
    },

    async ResetDBParameterGroup(input, call) {
      const group = findOwn(required(input.DBParameterGroupName, 'DBParameterGroupName'), call);
      authorizeOn('rds:ResetDBParameterGroup', group, call);
      const all = input.ResetAllParameters ?? (input.Parameters ?? []).length === 0;
      if (all && (input.Parameters ?? []).length > 0)
        throw invalidCombination('Parameters cannot be given together with ResetAllParameters.');
      const known = await engineParameters(fleet.host);
      const names = (input.Parameters ?? []).map(({ ParameterName = '' }) => ParameterName);
      for (const name of names) modifiable(known, name);
      const current = findOwn(group.name, call);
      const before = Object.keys(current.parameters ?? {});
      const gone = all ? before : before.filter((name) => names.includes(name));
      const left = Object.entries(current.parameters ?? {}).filter(([name]) => !gone.includes(name));
      await store.parameterGroups.put(keyOf(call, group.name), {
        ...current,
        parameters: Object.fromEntries(left),
      });
      const isStatic = (name: string) =>
        known.some((one) => one.ParameterName === name && one.ApplyType === 'static');
      const dynamic = gone.filter((name) => !isStatic(name)).map((name) => [name, undefined] as const);
      await changed(group, Object.fromEntries(dynamic), gone.some(isStatic));
      return { DBParameterGroupName: group.name };
    },

    async DeleteDBParameterGroup(input, call) {
      const name = required(input.DBParameterGroupName, 'DBParameterGroupName').toLowerCase();
      platform.authorize(call, 'rds:DeleteDBParameterGroup', rdsArn(call, 'pg', name));
      if (name === fallback)
        throw fault(
          RDS.InvalidDBParameterGroupStateFault,
          `The default parameter group ${name} cannot be deleted.`,
        );
      const group = find(name, call);
      if (users(group).length > 0)
        throw fault(
          RDS.InvalidDBParameterGroupStateFault,
          'One or more database instances are still members of this parameter group',
        );
      await store.parameterGroups.remove(keyOf(call, name));
      return {};
    },
  };

  async function add(
    call: Call,
    made: Pick<ParameterGroupRecord, 'name' | 'family' | 'description' | 'tags' | 'parameters'>,
  ): Promise<ParameterGroupRecord> {
    if (made.name === fallback || store.parameterGroups.has(keyOf(call, made.name)))
      throw fault(RDS.DBParameterGroupAlreadyExistsFault, `Parameter group ${made.name} already exists`);
    const { full, max } = room(store, call, 'DBParameterGroups');
    if (full)
      throw fault(
        RDS.DBParameterGroupQuotaExceededFault,
        `Cannot create more than ${max} DB parameter groups.`,
      );
    const record = { accountId: call.accountId, region: call.region, ...made };
    await store.parameterGroups.put(keyOf(call, made.name), record);
    return record;
  }

  /** Tells the servers: what is dynamic holds at once, for the rest they wait to be rebooted. */
  async function changed(
    group: ParameterGroupRecord,
    now: Readonly<Record<string, string | undefined>>,
    later: boolean,
  ): Promise<void> {
    for (const instance of users(group)) {
      const key = keyOf(instance, instance.id);
      if (Object.keys(now).length > 0) await fleet.servers.applySettings(key, now);
      if (later) await store.patchInstance(key, { parameterStatus: 'pending-reboot' });
    }
  }

  function users({ accountId, region, name }: ParameterGroupRecord): InstanceRecord[] {
    return [...store.instances.values()].filter(
      (one) =>
        one.parameterGroup === name && one.accountId === accountId && one.region === region && !one.member,
    );
  }

  function mine(call: Call): ParameterGroupRecord[] {
    return [...store.parameterGroups.values()].filter(
      (record) => record.accountId === call.accountId && record.region === call.region,
    );
  }

  function theDefault({ accountId, region }: Call): ParameterGroupRecord {
    const description = `Default parameter group for ${family}`;
    return { accountId, region, name: fallback, family, description, tags: [] };
  }

  function find(ref: string, call: Call): ParameterGroupRecord {
    const name = (parseRdsArn(ref)?.id ?? ref).toLowerCase();
    if (name === fallback) return theDefault(call);
    const found = store.parameterGroups.get(keyOf(call, name));
    if (found) return found;
    throw fault(RDS.DBParameterGroupNotFoundFault, `DBParameterGroup not found: ${name}`);
  }

  function findOwn(ref: string, call: Call): ParameterGroupRecord {
    const group = find(ref, call);
    if (group.name === fallback) throw invalidValue(`The parameter group ${fallback} cannot be modified.`);
    return group;
  }

  /** @throws NotImplemented (501) */
  function requireKnown(group: ParameterGroupRecord): void {
    if (group.family !== family) throw notImplemented('rds', `the parameters of ${group.family}`);
  }

  function authorizeOn(action: string, group: ParameterGroupRecord, call: Call): void {
    platform.authorize(call, action, rdsArn(call, 'pg', group.name), tagContext([], group.tags));
  }
}

function newName(asked: string): string {
  const name = asked.toLowerCase();
  if (name.length <= 255 && /^[a-z](-?[a-z0-9.])*$/.test(name)) return name;
  throw invalidValue(
    `The parameter DBParameterGroupName is not a valid identifier: ${asked}. It must begin with a letter, contain only letters, digits and hyphens, and have no two hyphens in a row nor one at its end.`,
  );
}

function describe(record: ParameterGroupRecord): RDS.DBParameterGroup {
  return {
    DBParameterGroupName: record.name,
    DBParameterGroupFamily: record.family,
    Description: record.description,
    DBParameterGroupArn: rdsArn(record, 'pg', record.name),
  };
}
