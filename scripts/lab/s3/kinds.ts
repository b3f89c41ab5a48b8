import type { Random } from '../random.ts';
import type { BucketNight, QuietObject } from './night.ts';
import { body, read } from './source.ts';

/** A copy with one thing wrong, and the keys that a report must name. */
export interface BucketPatient {
  readonly copy: string;
  readonly what: string;
  /** Empty where everything is wrong. */
  readonly keys: readonly string[];
}

export interface BucketDamageKind {
  /** As the table of `docs/verification.md` names it. */
  readonly name: string;
  make(night: BucketNight, random: Random): Promise<BucketPatient>;
}

export const BUCKET_CONTROL: BucketDamageKind = {
  name: 'nothing',
  make: async ({ lab, points }) => ({ copy: await lab.restore(points.right), what: 'as it came', keys: [] }),
};

/** A damage to one quiet object of a fresh copy. `fits` says to which. */
function toOne(
  name: string,
  fits: (object: QuietObject) => boolean,
  damage: (night: BucketNight, copy: string, object: QuietObject, random: Random) => Promise<unknown>,
): BucketDamageKind {
  return {
    name,
    async make(night, random) {
      const object = random.pick(night.quiet.filter(fits));
      const copy = await night.lab.restore(night.points.right);
      await damage(night, copy, object, random);
      return { copy, what: `${name}: ${object.key}`, keys: [object.key] };
    },
  };
}

const any = (): boolean => true;
const notEmpty = ({ size }: QuietObject): boolean => size > 8;

/** Writes another body, and keeps everything else: only the bytes tell. */
async function rewrite(
  { lab: { s3 } }: BucketNight,
  Bucket: string,
  Key: string,
  bytes: Uint8Array,
): Promise<void> {
  const { Metadata, ContentType } = await s3.headObject({ Bucket, Key });
  const { TagSet = [] } = await s3.getObjectTagging({ Bucket, Key });
  await s3.putObject({ Bucket, Key, Body: bytes, Metadata, ContentType });
  if (TagSet.length > 0) await s3.putObjectTagging({ Bucket, Key, Tagging: { TagSet } });
}

/** A restore to a bucket with Object Lock, on which everything was locked again as at the source. */
async function lockedCopy({ lab, points, quiet }: BucketNight): Promise<string> {
  const Bucket = lab.name('locked-copy');
  await lab.s3.createBucket({ Bucket, ObjectLockEnabledForBucket: true });
  await lab.restoreInto(points.right, Bucket);
  for (const { key: Key, lockedUntil } of quiet)
    if (lockedUntil !== null) {
      const Retention = { Mode: 'GOVERNANCE' as const, RetainUntilDate: lockedUntil };
      await lab.s3.putObjectRetention({ Bucket, Key, Retention });
    }
  return Bucket;
}

function toLock(name: string, until: (was: Date) => Date | null): BucketDamageKind {
  return {
    name,
    async make(night, random) {
      const { key: Key, lockedUntil } = random.pick(night.quiet.filter((one) => one.lockedUntil !== null));
      const Bucket = await lockedCopy(night);
      const RetainUntilDate = until(lockedUntil ?? new Date());
      const Retention = RetainUntilDate === null ? {} : { Mode: 'GOVERNANCE' as const, RetainUntilDate };
      await night.lab.s3.putObjectRetention({ Bucket, Key, Retention, BypassGovernanceRetention: true });
      return { copy: Bucket, what: `${name}: ${Key}`, keys: [Key] };
    },
  };
}

const instead = (name: string, point: 'older' | 'another'): BucketDamageKind => ({
  name,
  make: async ({ lab, points }) => ({ copy: await lab.restore(points[point]), what: name, keys: [] }),
});

/** Every kind of damage to a restored bucket, in the order of the matrix. */
export const BUCKET_DAMAGE_KINDS: readonly BucketDamageKind[] = [
  toOne('object missing', any, async ({ lab: { s3 } }, Bucket, { key: Key }) => {
    const { VersionId } = await s3.headObject({ Bucket, Key });
    await s3.deleteObject({ Bucket, Key, VersionId });
  }),
  toOne('object hidden by a delete marker', any, ({ lab: { s3 } }, Bucket, { key: Key }) =>
    s3.deleteObject({ Bucket, Key }),
  ),
  {
    name: 'object too many',
    async make({ lab, points }, random) {
      const copy = await lab.restore(points.right);
      const key = `stray/${random.below(1_000_000)}`;
      await lab.s3.putObject({ Bucket: copy, Key: key, Body: Buffer.from(body(random)) });
      return { copy, what: key, keys: [key] };
    },
  },
  {
    name: 'object under another name',
    async make({ lab, points, quiet }, random) {
      const copy = await lab.restore(points.right);
      const { key } = random.pick(quiet);
      const renamed = `${key.slice(0, 500)}.bak`;
      await lab.s3.putObject({ Bucket: copy, Key: renamed, Body: await read(lab.s3, copy, key) });
      await lab.s3.deleteObject({ Bucket: copy, Key: key });
      return { copy, what: key, keys: [key, renamed] };
    },
  },
  toOne(
    'older version in its place',
    ({ older }) => older !== null,
    async (night, copy, { key, older }) =>
      rewrite(night, copy, key, await read(night.lab.s3, night.source, key, older ?? undefined)),
  ),
  {
    name: "two objects' bodies swapped",
    async make(night, random) {
      const { lab, points, quiet } = night;
      const one = random.pick(quiet.filter(notEmpty));
      const other = random.pick(quiet.filter((object) => notEmpty(object) && object.key !== one.key));
      const copy = await lab.restore(points.right);
      const bodies = [await read(lab.s3, copy, one.key), await read(lab.s3, copy, other.key)] as const;
      await rewrite(night, copy, one.key, bodies[1]);
      await rewrite(night, copy, other.key, bodies[0]);
      return { copy, what: `${one.key} and ${other.key}`, keys: [one.key, other.key] };
    },
  },
  toOne('body cut short', notEmpty, async (night, copy, { key, size }, random) => {
    const bytes = await read(night.lab.s3, copy, key);
    await rewrite(night, copy, key, bytes.subarray(0, random.below(size)));
  }),
  toOne('one bit of a body changed', notEmpty, async (night, copy, { key, size }, random) => {
    const bytes = await read(night.lab.s3, copy, key);
    const place = random.below(size);
    bytes[place] = (bytes[place] ?? 0) ^ (1 << random.below(8));
    await rewrite(night, copy, key, bytes);
  }),
  {
    name: 'bodies encrypted in place',
    async make(night, random) {
      const { lab, points, quiet } = night;
      const copy = await lab.restore(points.right);
      const keys = quiet.filter(notEmpty).map(({ key }) => key);
      const mask = 1 + random.below(255);
      for (const key of keys) {
        const bytes = await read(lab.s3, copy, key);
        await rewrite(
          night,
          copy,
          key,
          bytes.map((byte) => byte ^ mask),
        );
      }
      return { copy, what: `${keys.length} objects`, keys };
    },
  },
  toOne(
    'metadata lost',
    ({ metadata }) => metadata,
    async ({ lab: { s3 } }, Bucket, { key: Key }) => {
      const { ContentType } = await s3.headObject({ Bucket, Key });
      const { TagSet = [] } = await s3.getObjectTagging({ Bucket, Key });
      await s3.putObject({ Bucket, Key, Body: await read(s3, Bucket, Key), ContentType });
      if (TagSet.length > 0) await s3.putObjectTagging({ Bucket, Key, Tagging: { TagSet } });
    },
  ),
  toOne(
    'tags lost',
    ({ tags }) => tags,
    ({ lab: { s3 } }, Bucket, { key: Key }) => s3.deleteObjectTagging({ Bucket, Key }),
  ),
  toOne(
    'tag changed',
    ({ tags }) => tags,
    ({ lab: { s3 } }, Bucket, { key: Key }) =>
      s3.putObjectTagging({ Bucket, Key, Tagging: { TagSet: [{ Key: 'class', Value: 'other' }] } }),
  ),
  toLock('lock lost', () => null),
  toLock('lock shortened', (was) => new Date(was.getTime() - 86_400_000)),
  instead('older backup in its place', 'older'),
  instead("another bucket's backup", 'another'),
  {
    name: 'empty bucket',
    async make({ lab }) {
      const copy = lab.name('empty');
      await lab.s3.createBucket({ Bucket: copy });
      return { copy, what: 'nothing was restored', keys: [] };
    },
  },
];
