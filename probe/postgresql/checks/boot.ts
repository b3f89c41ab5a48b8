import type { Finding } from '../../../domain/verdict.ts';
import { identify, openFirst } from '../server.ts';
import { type Check, doubt, failure, note } from './check.ts';

/** Did recovery finish, on the expected version and lineage? */
export const boot: Check = {
  id: 'boot',
  question: 'Did recovery finish, on the expected version and lineage?',

  async run({ target, before, after, boot: facts }, { signal, say }) {
    say('asking the server who it is');
    const session = await openFirst(target, signal);
    try {
      const copy = await identify(session);
      const { recovering, prepared } = await session.row<{ recovering: boolean; prepared: number }>(
        'ask whether recovery has finished',
        'SELECT pg_is_in_recovery() AS recovering, (SELECT count(*)::int4 FROM pg_prepared_xacts) AS prepared',
      );
      const source = after.server;
      const findings: Finding[] = [];
      const notTested: string[] = [];
      let examined = 0;
      /** One fact that could be looked at; `null` means that it holds. */
      const fact = (finding: Finding | null) => {
        examined += 1;
        if (finding !== null) findings.push(finding);
      };

      fact(
        recovering
          ? failure('still-recovering', 'the server is still in recovery: it cannot be written to')
          : null,
      );
      fact(versionFinding(source.versionNumber, source.version, copy.versionNumber, copy.version));
      fact(checksumsFinding(source.dataChecksums, copy.dataChecksums));

      if (source.systemIdentifier === null || copy.systemIdentifier === null) {
        findings.push(
          doubt('lineage-unknown', 'the role may not read the system identifier, so lineage is not proven'),
        );
      } else {
        const same = source.systemIdentifier === copy.systemIdentifier;
        fact(
          same
            ? null
            : failure(
                'another-system',
                `the copy comes from another database system (${copy.systemIdentifier}) than the source (${source.systemIdentifier})`,
              ),
        );
      }
      if (source.timeline === null || copy.timeline === null)
        notTested.push('the timeline: the role may not read it');
      else fact(timelineFinding(before.server.timeline ?? source.timeline, copy.timeline));

      if (copy.architecture !== source.architecture) {
        findings.push(
          note('other-architecture', `built for ${copy.architecture}, the source for ${source.architecture}`),
        );
      }
      if (prepared > 0)
        findings.push(note('prepared-transactions', `${prepared} prepared transactions wait for an answer`));

      if (facts === null) notTested.push("the server's boot log: it was not collected");
      else if (!facts.logRead) notTested.push("the server's boot log: it could not be read");
      else if (facts.logLines === 0) notTested.push("the server's boot log: it is empty");
      else {
        for (const { code, count } of facts.logFindings.filter(({ count: n }) => n > 0)) {
          findings.push(failure('boot-log', `the boot log has ${count} lines of the kind "${code}"`));
        }
        fact(null);
      }
      return {
        findings,
        examined: [{ unit: 'facts', examined, total: examined }],
        notTested,
        measured: {
          serverVersion: copy.version,
          ...(copy.systemIdentifier === null ? {} : { systemIdentifier: copy.systemIdentifier }),
          ...(copy.timeline === null ? {} : { timeline: copy.timeline }),
          ...(facts === null ? {} : { bootLogLines: facts.logLines }),
        },
      };
    } finally {
      await session.close();
    }
  },
};

function versionFinding(source: number, sourceName: string, copy: number, copyName: string): Finding | null {
  if (source === copy) return null;
  const words = `the copy runs PostgreSQL ${copyName}, the source ${sourceName}`;
  const sameMajor = Math.floor(source / 10_000) === Math.floor(copy / 10_000);
  // A restore may land on a newer minor release; the files and the digests are the same.
  return sameMajor ? note('other-minor-version', words) : failure('other-major-version', words);
}

function checksumsFinding(source: boolean, copy: boolean): Finding | null {
  if (copy) return null;
  return source
    ? failure('checksums-lost', 'page checksums are on at the source and off on the copy')
    : doubt('checksums-off', 'page checksums are off at the source, so that damaged pages may go unseen');
}

/** Recovery may start a new timeline, never an earlier one. */
function timelineFinding(source: number, copy: number): Finding | null {
  return copy >= source
    ? null
    : failure('earlier-timeline', `the copy is on timeline ${copy}, the source was on ${source}`);
}
