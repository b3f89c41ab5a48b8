import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { describeSnapshot } from './describe.ts';
import { fault, invalidCombination, required } from './faults.ts';
import { keyOf } from './names.ts';
import { ownSnapshot } from './snapshot-sharing-handlers.ts';
import { arnOf } from './snapshots.ts';
import { tagContext } from './tags.ts';

/** ModifyDBSnapshot: an old snapshot gets a newer version of the engine, for good. Partly: no other option group. */
export function snapshotUpgradeHandler(context: RdsContext): Handlers<typeof RDS> {
  const { platform, store, snapshots, versions } = context;
  return {
    async ModifyDBSnapshot(input, call) {
      refuseMembers('rds', 'ModifyDBSnapshot', input, ['OptionGroupName']);
      const record = ownSnapshot(store, required(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier'), call);
      platform.authorize(call, 'rds:ModifyDBSnapshot', arnOf(record), tagContext([], record.tags));
      const target = input.EngineVersion;
      if (target === undefined || target === record.instance.engineVersion)
        return { DBSnapshot: describeSnapshot(record) };
      if (record.type !== 'manual' || record.sharedWith.length > 0)
        throw fault(
          RDS.InvalidDBSnapshotStateFault,
          `Only manual snapshots that are not shared can be upgraded; copy ${record.id} first.`,
        );
      if (record.status !== 'available')
        throw fault(
          RDS.InvalidDBSnapshotStateFault,
          `DBSnapshot ${record.id} is not available; it is ${record.status}.`,
        );
      if (!versions.targets(record.instance.engineVersion).includes(target))
        throw invalidCombination(
          `Cannot upgrade postgres from ${record.instance.engineVersion} to ${target}.`,
        );
      const key = keyOf(record, record.id);
      const upgrading = await store.patchSnapshot(key, { status: 'upgrading', upgradeTo: target });
      snapshots.upgrade(key);
      return { DBSnapshot: describeSnapshot(upgrading ?? record) };
    },
  };
}
