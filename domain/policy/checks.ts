import { BUCKET_CHECK_IDS, DATABASE_CHECK_IDS, STANDARD_CHECKS, type CheckId } from '../verdict.ts';
import type { ProtectedResource, ResourceKind } from './schema.ts';

/** What can be asked of a copy of each kind, and what is asked unless the policy says otherwise. */
export const CHECKS_OF_KIND: Readonly<
  Record<ResourceKind, { readonly possible: readonly CheckId[]; readonly standard: readonly CheckId[] }>
> = {
  'rds-instance': { possible: DATABASE_CHECK_IDS, standard: STANDARD_CHECKS },
  's3-bucket': { possible: BUCKET_CHECK_IDS, standard: BUCKET_CHECK_IDS },
};

/** The checks that a drill of `resource` must answer: those it lists, and its own questions when it has some. */
export function checksOf({
  kind,
  checks = [...CHECKS_OF_KIND[kind].standard],
  assertions,
  applicationChecks,
}: Pick<ProtectedResource, 'kind' | 'checks' | 'assertions' | 'applicationChecks'>): CheckId[] {
  const own = (assertions?.length ?? 0) + (applicationChecks?.length ?? 0) > 0;
  return own && !checks.includes('semantics') ? [...checks, 'semantics'] : [...checks];
}
