import type { FingerprintRef } from './facts.ts';

/**
 * What a statement about recovery points is about: each point, recognised by the digest of the fingerprint of its content. Without a
 * fingerprint there is no digest to name it by, and the list is empty.
 */
export function pointSubjects(
  pointArns: readonly string[],
  after: Pick<FingerprintRef, 'sha256'> | null,
): { readonly name: string; readonly sha256: string }[] {
  return after === null ? [] : pointArns.map((name) => ({ name, sha256: after.sha256 }));
}
