import { JobFailure } from '../faults.ts';
import type { Tags } from '../records.ts';

interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export function toTagList(tags: Tags): Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

export function toTags(list: readonly Tag[]): Tags {
  return Object.fromEntries(list.map(({ Key, Value }) => [Key, Value]));
}

/** Runs a check; what it throws becomes the job's end, with `prefix` in front. @throws JobFailure */
export function asJobFailure<T>(prefix: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    throw new JobFailure(`${prefix}${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
