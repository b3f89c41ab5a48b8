import type { BackupSelection, ConditionParameter } from '@aws-sdk/client-backup';
import type { Place } from '../../platform.ts';
import type { BackupContext } from '../context.ts';
import type { Resource, ResourceKind } from '../kinds/kind.ts';
import type { Tags } from '../records.ts';
import { isOptedIn } from '../settings.ts';

/**
 * The resources of a place that a selection means. Types that are not opted in are left out without a word, as in AWS; a
 * resource that is named by its full ARN counts all the same, unless it is of Aurora.
 */
export function selectedResources(
  { kinds, store }: BackupContext,
  place: Place,
  selection: BackupSelection,
): Resource[] {
  return kinds.all.flatMap((kind) =>
    kind.all(place).filter((resource) => {
      const named = (selection.Resources ?? []).includes(resource.arn);
      const admitted = isOptedIn(store, place, kind.type) || (named && overrides(kind));
      return admitted && isSelected(resource, selection);
    }),
  );
}

function overrides(kind: ResourceKind): boolean {
  return kind.type !== 'Aurora';
}

function isSelected(
  { arn, tags }: Resource,
  { Resources = [], ListOfTags = [], NotResources = [], Conditions = {} }: BackupSelection,
): boolean {
  const open = Resources.length === 0 && ListOfTags.length === 0; // conditions alone select
  const chosen =
    open ||
    Resources.some((pattern) => like(pattern, arn)) ||
    ListOfTags.some(({ ConditionKey = '', ConditionValue }) => tagOf(tags, ConditionKey) === ConditionValue);
  const { StringEquals = [], StringNotEquals = [], StringLike = [], StringNotLike = [] } = Conditions;
  const all = (list: ConditionParameter[], test: (value: string | undefined, wanted: string) => boolean) =>
    list.every(({ ConditionKey = '', ConditionValue = '' }) =>
      test(tagOf(tags, ConditionKey), ConditionValue),
    );
  return (
    chosen &&
    !NotResources.some((pattern) => like(pattern, arn)) &&
    all(StringEquals, (value, wanted) => value === wanted) &&
    all(StringNotEquals, (value, wanted) => value !== wanted) &&
    all(StringLike, (value, wanted) => value !== undefined && like(wanted, value)) &&
    all(StringNotLike, (value, wanted) => value === undefined || !like(wanted, value))
  );
}

/** Conditions name `aws:ResourceTag/team`, lists of tags `team`. */
function tagOf(tags: Tags, key: string): string | undefined {
  return tags[key.replace(/^aws:ResourceTag\//, '')];
}

function like(pattern: string, text: string): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${expression}$`, 's').test(text);
}
