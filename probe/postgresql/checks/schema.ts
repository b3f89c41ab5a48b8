import type { Finding } from '../../../domain/verdict.ts';
import { QueryRefused } from '../../errors.ts';
import type { CheckContext } from '../../engine.ts';
import { ownTransactions } from '../boot-xid.ts';
import { readCatalogue } from '../catalogue.ts';
import { CLUSTER_SOURCES, DATABASE_SOURCES } from '../catalogue-sources.ts';
import { type DatabaseFingerprint, displayName } from '../fingerprint.ts';
import { catalogueName } from '../names.ts';
import { readSequences } from '../sequences.ts';
import { identify, openFirst } from '../server.ts';
import { withCopySession } from '../session.ts';
import { type Check, type CheckHooks, doubt, failure } from './check.ts';
import { compareCatalogueHeaps } from './schema-heaps.ts';
import { compareCatalogues } from './schema-compare.ts';
import { compareSequence } from './schema-sequences.ts';
import { counted } from './ranges.ts';

interface Compared {
  readonly findings: readonly Finding[];
  readonly exact: number;
  readonly total: number;
  readonly moving: readonly string[];
}

/** Is everything there? */
export const schema: Check = {
  id: 'schema',
  question: 'Is every object there, defined as at the source?',

  async run(context, hooks) {
    const { target, before, after } = context;
    hooks.say('comparing roles, settings and databases');
    const first = await openFirst(target, hooks.signal);
    let serverVersion: number;
    let cluster: Compared;
    try {
      serverVersion = (await identify(first)).versionNumber;
      const copy = await readCatalogue(first, CLUSTER_SOURCES, serverVersion);
      const compared = compareCatalogues('', before.cluster, after.cluster, copy, null, null);
      cluster = { ...compared, total: compared.exact };
    } finally {
      await first.close();
    }
    const parts = [cluster];
    for (const database of after.databases)
      parts.push(await compareDatabase(database, serverVersion, context, hooks));
    const closed = after.notExamined.map(({ what, reason }) =>
      doubt('not-examined', `at the source: ${reason}`, what),
    );
    const moving = parts.flatMap((part) => part.moving);
    const sum = (what: 'exact' | 'total') => parts.reduce((n, part) => n + part[what], 0);
    return {
      findings: [...closed, ...parts.flatMap((part) => part.findings)],
      examined: [{ unit: 'objects', examined: sum('exact'), total: sum('total') }],
      notTested:
        moving.length === 0
          ? []
          : [
              `the exact definition of ${counted(moving.length, 'object')} that changed while the backup was made: ${moving.slice(0, 5).join('; ')}`,
            ],
      measured: { movingObjects: moving.length },
    };
  },
};

async function compareDatabase(
  after: DatabaseFingerprint,
  serverVersion: number,
  { target, before: first, after: source }: CheckContext,
  hooks: CheckHooks,
): Promise<Compared> {
  const before = first.databases.find(({ name }) => name === after.name);
  const expected = after.catalogue.objects.size;
  hooks.say(`${after.name}: comparing the catalogue`);
  try {
    return await withCopySession(target, after.name, hooks.signal, async (session) => {
      const copy = await readCatalogue(session, DATABASE_SOURCES, serverVersion);
      const own = await ownTransactions(session, BigInt(after.snapshot.xmax));
      const compared = compareCatalogues(
        after.name,
        before?.catalogue,
        after.catalogue,
        copy,
        after.window,
        own.window,
      );
      const { values, notExamined } = await readSequences(session, after.name);
      const findings = [
        ...compared.findings,
        ...notExamined.map(({ what, reason }) => doubt('not-examined', reason, what)),
        ...(before === undefined ? [] : sequenceFindings(before, after, values)),
      ];
      if (before !== undefined) {
        findings.push(
          ...(await compareCatalogueHeaps(
            target,
            before,
            after,
            { seed: source.seed, versionNumber: serverVersion },
            hooks,
          )),
        );
      }
      return { findings, exact: compared.exact, total: compared.exact, moving: compared.moving };
    });
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    // Made between the fingerprints: the backup may have been cut before it.
    if (before === undefined && error.sqlState === '3D000') {
      return { findings: [], exact: 0, total: 0, moving: [`database ${after.name}`] };
    }
    const gone = error.sqlState === '3D000';
    const message = gone ? 'the database is missing on the copy' : error.message;
    const kind = gone || error.meansDamage ? failure : doubt;
    return {
      findings: [kind(gone ? 'database-missing' : 'not-examined', message, after.name)],
      exact: 0,
      total: expected,
      moving: [],
    };
  }
}

function sequenceFindings(
  before: DatabaseFingerprint,
  after: DatabaseFingerprint,
  copy: DatabaseFingerprint['sequences'],
): Finding[] {
  const keyed = (sequences: DatabaseFingerprint['sequences']) =>
    new Map(sequences.map((sequence) => [displayName(sequence.schema, sequence.name), sequence]));
  const [first, here] = [keyed(before.sequences), keyed(copy)];
  return after.sequences.flatMap((sequence) => {
    const key = displayName(sequence.schema, sequence.name);
    const [earlier, now] = [first.get(key), here.get(key)];
    // A missing sequence is a missing object, which the catalogue reports.
    if (earlier === undefined || now === undefined) return [];
    // Restarted or altered meanwhile (TRUNCATE … RESTART IDENTITY): its row in the catalogue tells.
    const object = `sequence ${catalogueName(sequence.schema, sequence.name)}`;
    const [was, is] = [before.catalogue.objects.get(object), after.catalogue.objects.get(object)];
    if (was?.version !== is?.version) return [];
    const found = compareSequence(after.name, earlier, sequence, now);
    return found === null ? [] : [found];
  });
}
