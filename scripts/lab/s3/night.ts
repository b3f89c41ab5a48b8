import { Digests } from '../../../probe/s3/digests.ts';
import type { Manifest } from '../../../probe/s3/manifest.ts';
import { Random } from '../random.ts';
import type { BucketLab } from './base.ts';
import { fillBucket, writeSome } from './source.ts';

/** An object that nobody touched between the passes, as it is at the source. */
export interface QuietObject {
  readonly key: string;
  readonly size: number;
  readonly versionId: string;
  /** An older version with another body. */
  readonly older: string | null;
  readonly metadata: boolean;
  readonly tags: boolean;
  readonly lockedUntil: Date | null;
}

/** One night of a busy bucket: manifests around a backup, and backups that might be taken for it. */
export interface BucketNight {
  readonly lab: BucketLab;
  readonly source: string;
  readonly before: Manifest;
  readonly after: Manifest;
  readonly quiet: readonly QuietObject[];
  readonly points: Readonly<Record<'right' | 'older' | 'another', string>>;
}

export async function bucketNight(lab: BucketLab): Promise<BucketNight> {
  const random = new Random('night');
  const source = await lab.createSource();
  const keys = await fillBucket(lab.s3, source, random);
  const older = await lab.backUp(source);
  await writeSome(lab.s3, source, keys, random, { times: 10 });
  const before = await lab.manifest(source);
  const touched = await writeSome(lab.s3, source, keys, random, { times: 10 });
  const right = await lab.backUp(source);
  touched.push(...(await writeSome(lab.s3, source, keys, random, { times: 10 })));
  const after = await lab.manifest(source, before);
  const other = await lab.createSource();
  await fillBucket(lab.s3, other, new Random('another'), 10);
  const another = await lab.backUp(other);
  const quiet = await quietObjects(lab, source, new Set(touched));
  return { lab, source, before, after, quiet, points: { right, older, another } };
}

/** Found without the probe: by S3's own listing, and by what the writer says that it did. */
async function quietObjects(
  lab: BucketLab,
  Bucket: string,
  touched: ReadonlySet<string>,
): Promise<QuietObject[]> {
  const { Versions = [] } = await lab.s3.listObjectVersions({ Bucket });
  const current = Versions.filter(({ IsLatest, Key = '' }) => IsLatest === true && !touched.has(Key));
  return Promise.all(
    current.map(async ({ Key = '', VersionId = '', Size = 0 }) => {
      const head = await lab.s3.headObject({ Bucket, Key, VersionId });
      const older = Versions.find(
        (one) => one.Key === Key && one.VersionId !== VersionId && one.Size !== Size,
      );
      return {
        ...{ key: Key, size: Size, versionId: VersionId, older: older?.VersionId ?? null },
        ...{ metadata: Object.keys(head.Metadata ?? {}).length > 0, tags: (head.TagCount ?? 0) > 0 },
        lockedUntil: head.ObjectLockRetainUntilDate ?? null,
      };
    }),
  );
}

/** What a report calls the object. */
export function nameInReports({ before }: BucketNight, key: string): string {
  return `object ${new Digests(before.head.seed).key(key)}`;
}
