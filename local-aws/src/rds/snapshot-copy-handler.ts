import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { requireOtherRegion } from './cross-region.ts';
import { describeSnapshot, majorOf, OPTION_GROUP } from './describe.ts';
import { usableKey } from './encryption.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { requireRoomForCrossRegionCopy, requireRoomForManualSnapshot } from './limits.ts';
import { keyOf, rdsArn } from './names.ts';
import type { SnapshotRecord } from './records.ts';
import { findSnapshot } from './restore.ts';
import { requireNewSnapshotName, snapshotId } from './snapshot-handlers.ts';
import { arnOf } from './snapshots.ts';
import { tagContext, tagsFrom } from './tags.ts';

const REFUSED = [
  'TargetCustomAvailabilityZone',
  'SnapshotTarget',
  'SnapshotAvailabilityZone',
  'TagSpecifications',
];

/** CopyDBSnapshot, called where the copy is to be. */
export function snapshotCopyHandler(context: RdsContext): Handlers<typeof RDS> {
  const { platform, store, snapshots } = context;

  return {
    async CopyDBSnapshot(input, call) {
      refuseMembers('rds', 'CopyDBSnapshot', input, REFUSED);
      const sourceRef = required(input.SourceDBSnapshotIdentifier, 'SourceDBSnapshotIdentifier');
      const id = snapshotId(
        required(input.TargetDBSnapshotIdentifier, 'TargetDBSnapshotIdentifier'),
        'TargetDBSnapshotIdentifier',
      );
      const given = tagsFrom(input.Tags);
      const source = findSnapshot(context, call, sourceRef);
      platform.authorize(call, 'rds:CopyDBSnapshot', arnOf(source), tagContext(given, source.tags), {
        ownerAccountId: call.accountId, // sharing is checked by findSnapshot; the caller's own rights count here
      });
      platform.authorize(call, 'rds:CopyDBSnapshot', rdsArn(call, 'snapshot', id), {
        ...tagContext(given),
        'rds:CopyOptionGroup': String(input.CopyOptionGroup ?? false),
      });
      requireOtherRegion(platform, call, {
        ...{ action: 'rds:CopyDBSnapshot', source, sourceArn: arnOf(source) },
        context: tagContext(given, source.tags),
      });
      if (input.PreSignedUrl !== undefined) requirePresigned(input.PreSignedUrl, 'CopyDBSnapshot', call);
      if (source.status !== 'available')
        throw fault(
          RDS.InvalidDBSnapshotStateFault,
          `DBSnapshot ${source.id} is not available; it is ${source.status}.`,
        );
      const kmsKeyArn = keyOfCopy(source, input.KmsKeyId, call);
      const optionGroup = optionGroupOfCopy(source, input, call);
      requireNewSnapshotName(store, call, id);
      requireRoomForManualSnapshot(store, call);
      if (source.region !== call.region) requireRoomForCrossRegionCopy(store, call);
      // Tags of its own suppress CopyTags.
      const tags = given.length > 0 ? given : input.CopyTags === true ? source.tags : [];
      const copy = { place: call, id, type: 'manual', tags, kmsKeyArn, optionGroup } as const;
      return { DBSnapshot: describeSnapshot(await snapshots.copy(source, copy)) };
    },
  };

  /** The key of the copy; undefined keeps the source's. */
  function keyOfCopy(source: SnapshotRecord, asked: string | undefined, call: Call): string | undefined {
    const crossRegion = source.region !== call.region;
    const crossAccount = source.accountId !== call.accountId;
    if (crossRegion && crossAccount && source.encrypted)
      throw invalidValue(
        'A shared encrypted snapshot of another region cannot be copied in one step: copy it to this region in its own account first.',
      );
    if (source.encrypted && (crossRegion || crossAccount) && asked === undefined)
      throw invalidCombination(
        `Copying an encrypted snapshot ${crossRegion ? 'across regions' : 'that is shared'} needs KmsKeyId: a key of this account and region.`,
      );
    if (source.kmsKeyArn !== undefined) usableKey(platform, call, source.kmsKeyArn);
    const key = asked === undefined ? undefined : usableKey(platform, call, asked);
    if (key && key.region !== call.region)
      throw fault(
        RDS.KMSKeyNotAccessibleFault,
        `The key ${key.arn} is not in ${call.region}, where the copy is made.`,
      );
    return key?.arn;
  }

  /** An option group of one's own does not exist elsewhere under the same name: somebody has to say which one to use. */
  function optionGroupOfCopy(
    source: SnapshotRecord,
    { OptionGroupName: name, CopyOptionGroup: copyIt = false }: RDS.CopyDBSnapshotCommandInput,
    call: Call,
  ): string | undefined {
    const fallback = OPTION_GROUP(majorOf(source.instance.engineVersion));
    const before = source.instance.optionGroup ?? fallback;
    const elsewhere = source.region !== call.region || source.accountId !== call.accountId;
    if (name !== undefined && copyIt)
      throw invalidCombination('OptionGroupName cannot be specified together with CopyOptionGroup.');
    if (copyIt)
      throw invalidCombination('CopyOptionGroup is for option groups with options; PostgreSQL has none.');
    if (name === undefined && elsewhere && before !== fallback)
      throw invalidCombination(
        `The snapshot uses the option group ${before}, which does not exist here: specify OptionGroupName, for example ${fallback}.`,
      );
    if (name === undefined) return source.instance.optionGroup;
    if (name !== fallback && !store.optionGroups.has(keyOf(call, name.toLowerCase())))
      throw fault(RDS.OptionGroupNotFoundFault, `Specified OptionGroupName: ${name} not found.`);
    return name.toLowerCase();
  }
}

/** It is a credential for another region: looked at, never used and never logged. @throws InvalidParameterValue */
export function requirePresigned(url: string, operation: string, call: Call): void {
  const query = URL.canParse(url) ? new URL(url).searchParams : undefined;
  if (query?.get('Action') !== operation)
    throw invalidValue(`PreSignedUrl is not a signed ${operation} request for the source region.`);
  const destination = query.get('DestinationRegion');
  if (destination !== null && destination !== call.region)
    throw invalidValue(
      `PreSignedUrl was made for the destination region ${destination}, not ${call.region}.`,
    );
}
