import type { Statement } from '../auth/policy-document.ts';

/** Conditions that bind a wildcard principal to somebody, when their values are fixed. */
const BINDING = new Set([
  'aws:principalaccount',
  'aws:principalarn',
  'aws:principalorgid',
  'aws:principalorgpaths',
  'aws:sourceaccount',
  'aws:sourcearn',
  'aws:sourceip',
  'aws:sourcevpc',
  'aws:sourcevpce',
  'aws:sourceowner',
  'aws:userid',
  's3:dataaccesspointaccount',
  's3:dataaccesspointarn',
]);

/** Whether S3 calls a bucket policy public: it allows something to anyone, and no condition names somebody. */
export function isPublic(statements: readonly Statement[]): boolean {
  return statements.some(
    ({ effect, principals, notPrincipals, conditions }) =>
      effect === 'Allow' &&
      (notPrincipals !== undefined || principals?.anyone === true) &&
      !Object.entries(conditions).some(([operator, keys]) => binds(operator, keys)),
  );
}

function binds(operator: string, keys: Readonly<Record<string, readonly string[]>>): boolean {
  if (/not|ifexists|null/i.test(operator)) return false;
  return Object.entries(keys).some(
    ([key, values]) => BINDING.has(key) && values.length > 0 && values.every((value) => isFixed(key, value)),
  );
}

function isFixed(key: string, value: string): boolean {
  if (key === 'aws:sourceip') return !/\/[0-7]$/.test(value) && value !== '::/0';
  if (/^arn:/.test(value)) return !/^arn:[^:]*:[^:]*:[^:]*:[*?]*:/.test(value);
  return !/[*?$]/.test(value);
}
