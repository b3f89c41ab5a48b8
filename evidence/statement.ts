import { canonicalBytes, canonicalSha256 } from './canonical.ts';
import { PREDICATE_BASE, STATEMENT_TYPE } from './verifier/envelope.ts';
import type { Fact, Recorded, RecordedBy } from '../domain/facts.ts';

/** What a statement is about, with the digest by which it can be recognised: a fingerprint, a policy, a manifest. */
export interface Subject {
  readonly name: string;
  readonly sha256: string;
}

/** in-toto Statement v1, https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
export interface Statement<P> {
  readonly _type: typeof STATEMENT_TYPE;
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicateType: string;
  readonly predicate: P;
}

export const predicateTypeOf = (type: Fact['type']): string => `${PREDICATE_BASE}${type}/v1`;

/**
 * @param subjects when empty, the subject is the place itself: in-toto wants at least one, and a drill that found nothing to restore
 *   is still a fact.
 * @param recordedBy the program that speaks; part of what is signed.
 */
export function statementOf(
  fact: Fact,
  place: { readonly scope: string; readonly name: string },
  subjects: readonly Subject[],
  recordedBy?: RecordedBy,
): Statement<Recorded> {
  const { scope, name } = place;
  const about: readonly Subject[] =
    subjects.length > 0 ? subjects : [{ name: `${scope}/${name}`, sha256: canonicalSha256({ scope, name }) }];
  return {
    _type: STATEMENT_TYPE,
    subject: about.map((subject) => ({ name: subject.name, digest: { sha256: subject.sha256 } })),
    predicateType: predicateTypeOf(fact.type),
    predicate: recordedBy === undefined ? fact : { ...fact, recordedBy },
  };
}

export function statementBytes(statement: Statement<unknown>): Buffer {
  return canonicalBytes(statement);
}
