import type { CheckId } from '../verdict.ts';
import type { ProtectedResource } from './schema.ts';

/** The checks that a drill of `resource` must answer: those it lists, and its own questions when it has some. */
export function checksOf({ checks, assertions, applicationChecks }: ProtectedResource): CheckId[] {
  const own = (assertions?.length ?? 0) + (applicationChecks?.length ?? 0) > 0;
  return own && !checks.includes('semantics') ? [...checks, 'semantics'] : [...checks];
}
