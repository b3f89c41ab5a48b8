import type { Tag as SdkTag } from '@aws-sdk/client-rds';
import type { ConditionContext } from '../platform.ts';
import { invalidValue } from './faults.ts';
import type { Tag } from './records.ts';

const MOST = 50;

/** Checks tags that a caller gave. */
export function tagsFrom(given: readonly SdkTag[] | undefined): Tag[] {
  const tags = (given ?? []).map(({ Key = '', Value = '' }) => ({ Key, Value }));
  for (const { Key } of tags) {
    if (Key === '') throw invalidValue('Tag keys must not be empty.');
    if (/^aws:/i.test(Key))
      throw invalidValue(`Tag keys beginning with aws: are reserved for system use: ${Key}`);
  }
  if (tags.length > MOST) throw invalidValue(`A resource can have at most ${MOST} tags.`);
  return merged([], tags);
}

/** `added` wins over `existing`. */
export function merged(existing: readonly Tag[], added: readonly Tag[]): Tag[] {
  const all = new Map([...existing, ...added].map((tag) => [tag.Key, tag]));
  if (all.size > MOST) throw invalidValue(`A resource can have at most ${MOST} tags.`);
  return [...all.values()];
}

/** The condition keys that policies look at: tags in the request, and tags on the resource. */
export function tagContext(request: readonly Tag[], resource: readonly Tag[] = []): ConditionContext {
  return {
    ...Object.fromEntries(request.map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value])),
    ...Object.fromEntries(resource.map(({ Key, Value }) => [`aws:ResourceTag/${Key}`, Value])),
    ...(request.length > 0 ? { 'aws:TagKeys': request.map(({ Key }) => Key) } : {}),
  };
}
