import { DeleteObjectsCommand, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { failure } from '../failures.ts';

/** Activities that delete may run for five minutes; a bucket that is not empty by then is gone on with by the next attempt. */
const LONGEST_MS = 4 * 60_000;
/** Pages of 1000 versions that are deleted at once. */
const PAGES = 4;

/** The bucket has more versions than could be deleted in one go. What is retried goes on. */
export class NotEmptyYet extends Error {
  constructor(name: string) {
    super(
      `the versions of ${name} are being deleted; there are more of them than one attempt may take time for`,
    );
    this.name = 'NotEmptyYet';
  }
}

/**
 * Deletes every version and every delete marker of a bucket.
 * @param owner the account that must own it: S3 refuses every call when another one does.
 * @throws NotEmptyYet after four minutes; TeardownIncomplete when S3 refuses to delete a version.
 */
export async function emptyBucket(s3: S3Client, name: string, owner: string): Promise<void> {
  const own = { Bucket: name, ExpectedBucketOwner: owner };
  const until = Date.now() + LONGEST_MS;
  let marker: { KeyMarker?: string; VersionIdMarker?: string } = {};
  let deleting: Promise<void>[] = [];
  for (;;) {
    const page = await s3.send(new ListObjectVersionsCommand({ ...own, ...marker }));
    if (page.IsTruncated === undefined) throw new Error(`S3 answered the listing of ${name} without a list`);
    const Objects = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ Key, VersionId }) => ({
      Key,
      VersionId,
    }));
    if (Objects.length > 0) {
      const deletion = deleteAll(Objects);
      // It is awaited below, after the listing of the next pages: until then its refusal is nobody's, which would end the process.
      deletion.catch(() => undefined);
      deleting.push(deletion);
    }
    if (deleting.length >= PAGES || !page.IsTruncated) {
      await Promise.all(deleting);
      deleting = [];
    }
    if (!page.IsTruncated) return;
    if (Date.now() > until) throw new NotEmptyYet(name);
    const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page;
    marker = {
      ...(KeyMarker === undefined ? {} : { KeyMarker }),
      ...(VersionIdMarker === undefined ? {} : { VersionIdMarker }),
    };
  }

  /** DeleteObjects answers 200 with an error per key (contract §4.6). */
  async function deleteAll(
    Objects: { Key: string | undefined; VersionId: string | undefined }[],
  ): Promise<void> {
    const { Errors = [] } = await s3.send(
      new DeleteObjectsCommand({ ...own, Delete: { Objects, Quiet: true } }),
    );
    const [refused] = Errors;
    if (refused === undefined) return;
    const said = `S3 refused to delete ${Errors.length} versions of ${name}: ${refused.Code ?? 'no code'}`;
    if (refused.Code === 'AccessDenied')
      throw failure('TeardownIncomplete', `${said}. Look for a lock on them.`, { name });
    throw new Error(said);
  }
}
