import type { Finding } from '../../../domain/verdict.ts';
import { QueryRefused } from '../../errors.ts';
import { identify, listDatabases, openFirst } from '../server.ts';
import { type Session, withCopySession } from '../session.ts';
import { compareCounts } from './structure-counts.ts';
import { compareLengths } from './structure-lengths.ts';
import { checkHeaps } from './structure-heaps.ts';
import { checkIndexes } from './structure-indexes.ts';
import { type Check, doubt, failure } from './check.ts';
import { collationFindings } from './structure-collations.ts';
import { extensionOnCopy } from './extension.ts';

/** What one part of the check saw in one database. */
export interface Part {
  readonly findings: readonly Finding[];
  readonly examined: number;
  readonly total: number;
  readonly notTested: readonly string[];
}

/** Do heap and indexes agree? */
export const structure: Check = {
  id: 'structure',
  question: 'Do heaps and indexes hold together, and agree with each other?',

  async run({ target, before, after }, { signal, say }) {
    const first = await openFirst(target, signal);
    const { open, closed, versionNumber } = await overview(first).finally(() => first.close());
    const findings: Finding[] = closed.map(({ what, reason }) => doubt('not-examined', reason, what));
    const parts: Record<'heaps' | 'indexes' | 'counts', Part[]> = { heaps: [], indexes: [], counts: [] };
    for (const database of open) {
      try {
        await withCopySession(target, database, signal, async (session) => {
          findings.push(...(await collationFindings(session)));
          const named = ({ name }: { name: string }) => name === database;
          const lengths = [before.databases.find(named), after.databases.find(named)] as const;
          findings.push(...(await compareLengths(session, ...lengths)));
          const amcheck = await extensionOnCopy(session, 'amcheck');
          parts.heaps.push(await checkHeaps(session, amcheck, versionNumber, say));
          parts.indexes.push(await checkIndexes(session, amcheck, say));
          parts.counts.push(await compareCounts(session, say));
        });
      } catch (error) {
        if (!(error instanceof QueryRefused)) throw error;
        const kind = error.meansDamage ? failure : doubt;
        findings.push(kind('not-examined', error.message, database));
        parts.heaps.push({ findings: [], examined: 0, total: 1, notTested: [] });
      }
    }
    const all = Object.values(parts).flat();
    const sum = (of: readonly Part[], what: 'examined' | 'total') =>
      of.reduce((n, part) => n + part[what], 0);
    return {
      findings: [...findings, ...all.flatMap((part) => part.findings)],
      examined: [
        { unit: 'tables', examined: sum(parts.heaps, 'examined'), total: sum(parts.heaps, 'total') },
        { unit: 'indexes', examined: sum(parts.indexes, 'examined'), total: sum(parts.indexes, 'total') },
      ],
      notTested: all.flatMap((part) => part.notTested),
      measured: { tablesCountedTwice: sum(parts.counts, 'examined') },
    };
  },
};

async function overview(first: Session) {
  return { ...(await listDatabases(first)), versionNumber: (await identify(first)).versionNumber };
}
