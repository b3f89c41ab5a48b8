import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const EMPTYING = new URL('../../activities/kinds/s3-emptying.ts', import.meta.url).href;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

// In a process of its own: a refusal that nobody awaits ends one, and Jest would not notice.
const PROGRAM = `
  import { setTimeout as sleep } from 'node:timers/promises';
  import { emptyBucket } from '${EMPTYING}';
  let pages = 0;
  const s3 = {
    async send(command) {
      if (command.constructor.name === 'DeleteObjectsCommand')
        return { Errors: [{ Key: 'a', VersionId: '1', Code: 'AccessDenied' }] };
      if (++pages === 1) return { IsTruncated: true, NextKeyMarker: 'a', Versions: [{ Key: 'a', VersionId: '1' }] };
      await sleep(50);
      return { IsTruncated: false };
    },
  };
  await emptyBucket(s3, 'lb-drill-assets', '333333333333').catch((error) => process.stdout.write(error.message));
`;

test('a version that may not be deleted is told in words, also while the next page is still being listed', () => {
  const args = ['--import', 'tsx', '--input-type=module', '--eval', PROGRAM];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  expect(stdout).toBe(
    'S3 refused to delete 1 versions of lb-drill-assets: AccessDenied. Look for a lock on them.',
  );
  expect(status).toBe(0);
});
