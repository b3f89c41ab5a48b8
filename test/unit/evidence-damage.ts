import fc from 'fast-check';
import type { Files } from './evidence-export.ts';

export function flipped(bytes: Buffer, at: number, bits: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ bits;
  return copy;
}

export type Mutation = {
  readonly kind: 'flip' | 'delete' | 'insert' | 'repeat' | 'remove' | 'swap';
  readonly at: number;
  readonly more: number;
};

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('flip', 'delete', 'insert', 'repeat', 'remove', 'swap'),
  at: fc.nat(),
  more: fc.nat(),
});

/** The files that `mutation` changes, with their new bytes; undefined when it would change nothing. */
export function changesOf(
  files: Files,
  { kind, at, more }: Mutation,
): Map<string, Buffer | undefined> | undefined {
  const paths = [...files.keys()];
  const path = paths[more % paths.length]!;
  const bytes = files.get(path)!;
  const place = at % bytes.length;
  const [head, tail] = [bytes.subarray(0, place), bytes.subarray(place)];
  switch (kind) {
    case 'flip':
      return new Map([[path, flipped(bytes, place, 1 + (more % 255))]]);
    case 'delete':
      return new Map([[path, undefined]]);
    case 'insert':
      return new Map([[path, Buffer.concat([head, Buffer.from([more % 256]), tail])]]);
    case 'repeat':
      return new Map([[path, Buffer.concat([head, tail.subarray(0, 1 + (more % 64)), tail])]]);
    case 'remove':
      return new Map([[path, Buffer.concat([head, tail.subarray(1 + (more % 64))])]]);
    case 'swap': {
      const other = paths[at % paths.length]!;
      if (files.get(other)!.equals(bytes)) return undefined;
      return new Map([
        [path, files.get(other)],
        [other, bytes],
      ]);
    }
  }
}

/** The files after the changes; the ones before stay as they were. */
export function changed(files: Files, changes: ReadonlyMap<string, Buffer | undefined>): Files {
  const after: Files = new Map(files);
  for (const [path, bytes] of changes) {
    if (bytes === undefined) after.delete(path);
    else after.set(path, bytes);
  }
  return after;
}
