import type { Finding } from '../../../domain/verdict.ts';
import type { TableFingerprint } from '../fingerprint.ts';
import type { CopiedTable, TableComparison } from './content-compare.ts';
import { failure } from './check.ts';
import { blocksInWords, counted, grouped } from './ranges.ts';

/** What is wrong with one table, in words that name rows and blocks. */
export function tableFindings(
  what: string,
  source: TableFingerprint,
  copy: CopiedTable,
  compared: TableComparison,
  lateIsKnown: boolean,
): Finding[] {
  const findings: Finding[] = [];
  const { wrongBlocks, wrongRows, missingRows, extraRows, missingBlocks } = compared;
  if (wrongRows > 0 || wrongBlocks.length > 0) {
    const where = wrongBlocks.length === 0 ? what : `${what} ${blocksInWords(wrongBlocks)}`;
    const rows = Math.max(wrongRows, 1);
    findings.push(
      failure(
        'rows-differ',
        `${rows === wrongRows ? '' : 'at least '}${grouped(rows)} of ${counted(source.rows, 'row')} ${rows === 1 ? 'is' : 'are'} not those of the source${inDetail(missingRows, extraRows)}`,
        where,
      ),
    );
  }
  if (copy.unreadable.length > 0) {
    findings.push(
      failure(
        'cannot-be-read',
        'PostgreSQL itself cannot read these blocks',
        `${what} ${blocksInWords(copy.unreadable)}`,
      ),
    );
  }
  if (missingBlocks > 0) {
    const message = `the heap has ${counted(copy.sizeBlocks, 'block')}, at least ${grouped(source.sizeBlocks)} were there`;
    findings.push(failure('heap-too-short', `${message}: its end is missing`, what));
  }
  if (lateIsKnown && copy.late > 0) {
    findings.push(
      failure(
        'rows-after-restore',
        `${counted(copy.late, 'row was', 'rows were')} written on the copy itself, after it was restored`,
        what,
      ),
    );
  }
  const writes = copy.writesSinceRecovery ?? 0;
  if (writes > 0 && copy.late === 0) {
    findings.push(
      failure(
        'written-after-restore',
        `${counted(writes, 'row was', 'rows were')} inserted, changed or deleted on the copy itself, after it recovered`,
        what,
      ),
    );
  }
  return findings;
}

function inDetail(missing: number, extra: number): string {
  const parts = [
    ...(missing > 0 ? [`${grouped(missing)} missing`] : []),
    ...(extra > 0 ? [`${grouped(extra)} too many`] : []),
  ];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
