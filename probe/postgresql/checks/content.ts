import type { Coverage, Finding, RememberedTable } from '../../../domain/verdict.ts';
import { identify, openFirst } from '../server.ts';
import { sizeOf } from '../fingerprint.ts';
import { type Check, doubt, failure } from './check.ts';
import { compareCommits } from './content-commits.ts';
import { compareDatabase } from './content-database.ts';
import type { DatabaseComparison } from './content-tally.ts';
import { grouped } from './ranges.ts';

/** Are these the rows? */
export const content: Check = {
  id: 'content',
  question: 'Are these the rows that were at the source when the backup was made?',

  async run(context, hooks) {
    const { target, before, after } = context;
    const first = await openFirst(target, hooks.signal);
    const [copy, commits] = await identify(first)
      .then(async (server) => [server, await compareCommits(first, after.seed, after.commitLog)] as const)
      .finally(() => first.close());
    const findings: Finding[] = after.notExamined.map(({ what, reason }) =>
      doubt('not-examined', `at the source: ${reason}`, what),
    );
    const majorOf = (versionNumber: number) => Math.floor(versionNumber / 10_000);
    const expected = sizeOf(after);
    if (before.seed !== after.seed || majorOf(copy.versionNumber) !== majorOf(after.server.versionNumber)) {
      findings.push(
        failure(
          'not-comparable',
          'digests can be compared only within one seed and one major version of PostgreSQL',
        ),
      );
      return {
        findings,
        examined: [{ unit: 'rows', examined: 0, total: expected.rows }],
        notTested: ['every row'],
      };
    }
    // Statistics that began neither before nor after at the source began with the recovery of the copy.
    const began = [before, after].map(({ server }) => server.statisticsSince);
    const sinceRecovery =
      began[0] === began[1] && copy.statisticsSince !== null && copy.statisticsSince !== began[1];
    const parts: DatabaseComparison[] = [];
    for (const database of after.databases)
      parts.push(await compareDatabase(database, context, sinceRecovery, hooks));
    findings.push(...commits.findings, ...goneDatabases(context), ...parts.flatMap((part) => part.findings));
    const sum = (of: (part: DatabaseComparison) => number) => parts.reduce((n, part) => n + of(part), 0);
    const coverage = {
      provenRows: sum((part) => part.coverage.provenRows),
      boundedRows: sum((part) => part.coverage.boundedRows),
      notExaminedRows: sum((part) => part.coverage.notExaminedRows),
      ...remembered(parts.flatMap((part) => part.remembered)),
    };
    const looked = coverage.provenRows + coverage.boundedRows;
    if (looked > 0 && coverage.provenRows === 0) findings.push(nothingProven(context));
    const knownEmpty = expected.rows === 0;
    return {
      findings,
      coverage,
      examined: [
        {
          unit: 'rows',
          examined: looked,
          // What has its turn another night is told as not examined, and not asked for tonight.
          total: looked + coverage.notExaminedRows - sum((part) => part.sampledRows),
          ...(knownEmpty ? { knownEmpty } : {}),
        },
        { unit: 'tables', examined: sum((part) => part.tablesCompared), total: sum((part) => part.tables) },
      ],
      notTested: [...commits.notTested, ...parts.flatMap((part) => part.notTested)],
      measured: {
        quietBlocks: sum((part) => part.quietBlocks),
        movedBlocks: sum((part) => part.movedBlocks),
        sourceRows: expected.rows,
        transactions: Math.max(0, commits.proven),
        ...(before.forgotten === undefined ? {} : { nothingRemembered: before.forgotten }),
      },
    };
  },
};

const MOST_TABLES = 50;

function remembered(tables: readonly RememberedTable[]): Pick<Coverage, 'remembered'> {
  const [first] = tables;
  if (first === undefined) return {};
  const sorted = [...tables].sort((a, b) => b.rows - a.rows);
  return {
    remembered: {
      blocks: tables.reduce((n, { blocks }) => n + blocks, 0),
      rows: tables.reduce((n, { rows }) => n + rows, 0),
      since: tables.reduce((oldest, { since }) => (since < oldest ? since : oldest), first.since),
      tables: sorted.slice(0, MOST_TABLES),
      tablesOmitted: Math.max(0, sorted.length - MOST_TABLES),
    },
  };
}

/** A long transaction at the source makes every row young: then counts alone were compared, which is not enough to call it proven. */
function nothingProven({ after }: Parameters<Check['run']>[0]): Finding {
  const oldest = Math.max(
    0,
    ...after.databases.map(({ oldestTransactionSeconds }) => oldestTransactionSeconds),
  );
  return doubt(
    'nothing-proven',
    `no row could be proven exactly: all ${grouped(sizeOf(after).rows)} rows are younger than the oldest open transaction (${oldest} s) or moved`,
  );
}

/** A database that both passes saw is compared; one that was dropped in between may be on the copy or not. */
function goneDatabases({ before, after }: Parameters<Check['run']>[0]): Finding[] {
  return before.notExamined
    .filter(({ what }) => !after.notExamined.some((other) => other.what === what))
    .map(({ what, reason }) => doubt('not-examined', `in the first pass: ${reason}`, what));
}
