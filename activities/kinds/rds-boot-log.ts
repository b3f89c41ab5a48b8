import {
  DescribeDBLogFilesCommand,
  DownloadDBLogFilePortionCommand,
  type RDSClient,
} from '@aws-sdk/client-rds';
import { isNamed } from '../aws/errors.ts';
import { allPages } from '../aws/pages.ts';
import type { BootFacts } from './driver.ts';

/** Patterns of the server log that mean trouble. Only their code and count leave this file: log lines may quote data. */
const PATTERNS: readonly (readonly [string, RegExp])[] = [
  ['PANIC', /\bPANIC:/],
  ['page-verification-failed', /page verification failed/],
  ['invalid-page', /invalid page in block/],
  ['missing-file', /could not open file|could not read block/],
  ['could-not-fsync', /could not fsync/],
  [
    'wal-damaged',
    /incorrect resource manager data checksum|invalid checkpoint record|invalid primary checkpoint/,
  ],
  ['server-crash', /server process .* was terminated by signal/],
];

/** Newest files first; a boot is in the last few. Each portion is at most 1 MB (contract §2.14). */
const FILES_READ = 4;

/** Reads the newest server logs of a restored instance. A log that cannot be read is said so (`logRead: false`), not ignored. */
export async function readBootLog(
  rds: RDSClient,
  instance: string,
  engineVersion: string,
): Promise<BootFacts> {
  const nothing = { engineVersion, logRead: false, logLines: 0, logFindings: [] };
  try {
    const { DescribeDBLogFiles: files = [] } = await rds.send(
      new DescribeDBLogFilesCommand({ DBInstanceIdentifier: instance }),
    );
    const newest = [...files]
      .sort((a, b) => (b.LastWritten ?? 0) - (a.LastWritten ?? 0))
      .slice(0, FILES_READ);
    if (newest.length === 0) return nothing;
    const counts = new Map<string, number>();
    let logLines = 0;
    for (const { LogFileName = '' } of newest) {
      const portions = await allPages(async (Marker) => {
        const answer = await rds.send(
          new DownloadDBLogFilePortionCommand({
            DBInstanceIdentifier: instance,
            LogFileName,
            Marker: Marker ?? '0',
          }),
        );
        return {
          items: [answer.LogFileData ?? ''],
          next: answer.AdditionalDataPending === true ? answer.Marker : undefined,
        };
      });
      for (const line of portions.join('').split('\n')) {
        if (line === '') continue;
        logLines += 1;
        for (const [code, pattern] of PATTERNS)
          if (pattern.test(line)) counts.set(code, (counts.get(code) ?? 0) + 1);
      }
    }
    return {
      engineVersion,
      logRead: true,
      logLines,
      logFindings: [...counts].map(([code, count]) => ({ code, count })),
    };
  } catch (error) {
    if (
      isNamed(
        error,
        'DBLogFileNotFoundFault',
        'DBInstanceNotReadyFault',
        'AccessDenied',
        'AccessDeniedException',
      )
    )
      return nothing;
    throw error;
  }
}
