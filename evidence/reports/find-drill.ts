import { basisOf, readNights } from './source.ts';
import type { SignOffFact, WaiverFact } from '../../domain/claims.ts';
import type { DrillFact } from '../../domain/facts.ts';
import type { DrillEvidence } from './drill.ts';
import type { Basis, EvidenceSource, NightRecord, StatementRecord } from './source.ts';

/** Where sign-offs of a statement are filed. */
export const signOffScope = (sha256: string): string => `sign-off-${sha256.slice(0, 16)}`;

/** Where a drill's statements about isolation and teardown are: beside it. */
export const besideDrill = (key: string, name: 'isolation' | 'teardown'): string =>
  key.replace(/[^/]+$/, `${name}.json`);

/** Does a waiver speak of this drill? */
export function inForce(waiver: WaiverFact, { policy, resource, slot }: DrillFact): boolean {
  const about = waiver.resource === null || waiver.resource === resource.name;
  return waiver.policy === policy && about && waiver.grantedAt <= slot && waiver.expires > slot;
}

type Of<F> = Omit<StatementRecord, 'fact'> & { readonly fact: F };
const isDrill = (record: StatementRecord): record is Of<DrillFact> => record.fact.type === 'drill';

/**
 * Finds a drill in a source that is read from its beginning to its end, twice: which drill it is decides what else belongs to it.
 * @param which name of a resource or key of a statement; undefined: the newest drill of all.
 * @returns null when there is none.
 */
export async function drillIn(
  source: EvidenceSource,
  which: string | undefined,
): Promise<{ readonly evidence: DrillEvidence; readonly basis: Basis } | null> {
  let found: { drill: Of<DrillFact>; night: NightRecord } | null = null;
  const fits = (record: StatementRecord): record is Of<DrillFact> =>
    isDrill(record) &&
    (which === undefined || record.key === which || record.fact.resource.name === which) &&
    (found === null || record.fact.slot >= found.drill.fact.slot);
  for await (const night of readNights(source, basisOf(source)))
    for (const record of night.statements) if (fits(record)) found = { drill: record, night };
  if (found === null) return null;

  const { drill, night } = found;
  const basis = basisOf(source);
  let protection: DrillEvidence['protection'] = null;
  let proofs: DrillEvidence['proofs'] = { isolation: null, teardown: null };
  const signOffs: { key: string; fact: SignOffFact }[] = [];
  const waivers: { key: string; fact: WaiverFact }[] = [];
  for await (const { statements } of readNights(source, basis))
    for (const record of statements) {
      const { key, fact } = record;
      if (fact.type === 'protection' && fact.points.some(({ arn }) => arn === drill.fact.point?.arn))
        protection = { statement: record, fact };
      if (fact.type === 'isolation' && key === besideDrill(drill.key, 'isolation'))
        proofs = { ...proofs, isolation: { key, fact } };
      if (fact.type === 'teardown' && key === besideDrill(drill.key, 'teardown'))
        proofs = { ...proofs, teardown: { key, fact } };
      if (fact.type === 'sign-off' && fact.statement.sha256 === drill.sha256) signOffs.push({ key, fact });
      if (fact.type === 'waiver' && inForce(fact, drill.fact)) waivers.push({ key, fact });
    }
  const { key, sha256, seal } = night;
  return {
    basis,
    evidence: {
      bucket: source.bucket,
      drill,
      fact: drill.fact,
      protection,
      seal: { key, sha256, sequence: seal.sequence, sealedAt: seal.sealedAt },
      lock: 'not asked',
      signOffs,
      waivers,
      proofs,
    },
  };
}
