import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { inLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';

const PREFIX = 'statements/';

/** The days under which statements are filed, oldest first. One request per thousand days, however many statements there are. */
export async function statementDays(ledger: Ledger): Promise<string[]> {
  const days: string[] = [];
  let KeyMarker: string | undefined;
  do {
    const page = await ledger.s3.send(
      new ListObjectVersionsCommand({
        ...inLedger(ledger),
        Prefix: PREFIX,
        Delimiter: '/',
        ...(KeyMarker === undefined ? {} : { KeyMarker }),
      }),
    );
    if (page.IsTruncated === undefined) throw new Error('S3 answered the listing of days without a list');
    days.push(...(page.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix.slice(PREFIX.length, -1)));
    KeyMarker = page.IsTruncated ? page.NextKeyMarker : undefined;
  } while (KeyMarker !== undefined);
  return days.sort();
}
