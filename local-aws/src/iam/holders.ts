import { conflict, limitExceeded, noSuch, checkPolicy, checkName } from './context.ts';
import { byName, type PolicyHolder } from './users.ts';
import type { PolicyBook, PolicyRecord } from './managed-policies.ts';

/** Inline and attached policies are the same for users, groups and roles; only the words and limits differ. */
export type HolderKind = 'role' | 'user' | 'group';

const INLINE_CHARACTERS = { role: 10_240, user: 2048, group: 5120 } as const;
const ATTACHED = { role: 10, user: 10, group: 10 } as const;

export function withInline<R extends PolicyHolder>(
  kind: HolderKind,
  holder: R,
  name: string | undefined,
  document: string | undefined,
): R {
  checkName('policyName', name ?? '', 128);
  const text = checkPolicy(document, 'identity');
  const policies = { ...holder.policies, [name ?? '']: text };
  const size = Object.values(policies).join('').replace(/\s/g, '').length;
  if (size > INLINE_CHARACTERS[kind])
    throw limitExceeded(
      `Maximum policy size of ${INLINE_CHARACTERS[kind]} bytes exceeded for ${kind} ${holder.name}`,
    );
  return { ...holder, policies };
}

/** The document, URL-encoded as IAM answers it. */
export function inlineOf(kind: HolderKind, holder: PolicyHolder, name = ''): string {
  const document = holder.policies[name];
  if (document === undefined) throw noSuch(`The ${kind} policy with name ${name} cannot be found.`);
  return encodeURIComponent(document);
}

export function withoutInline<R extends PolicyHolder>(kind: HolderKind, holder: R, name = ''): R {
  inlineOf(kind, holder, name);
  return {
    ...holder,
    policies: Object.fromEntries(Object.entries(holder.policies).filter(([each]) => each !== name)),
  };
}

/** A policy that may be attached in this account: its own, or one of AWS's. */
export function attachable(book: PolicyBook, accountId: string, arn = ''): PolicyRecord {
  const policy = book.find(arn);
  if (policy && (policy.accountId === 'aws' || policy.accountId === accountId)) return policy;
  const hint = arn.startsWith('arn:aws:iam::aws:')
    ? " (local-aws knows a few of AWS's own: see ListPolicies)"
    : '';
  throw noSuch(`Policy ${arn} does not exist or is not attachable.${hint}`);
}

export function withAttached<R extends PolicyHolder>(kind: HolderKind, holder: R, policy: PolicyRecord): R {
  const attached = holder.attached ?? [];
  if (attached.includes(policy.arn)) return holder;
  if (attached.length >= ATTACHED[kind])
    throw limitExceeded(`Cannot exceed quota for PoliciesPer${word(kind)}: ${ATTACHED[kind]}`);
  return { ...holder, attached: [...attached, policy.arn] };
}

export function withoutAttached<R extends PolicyHolder>(holder: R, arn = ''): R {
  const attached = holder.attached ?? [];
  if (!attached.includes(arn)) throw noSuch(`Policy ${arn} was not found.`);
  return { ...holder, attached: attached.filter((each) => each !== arn) };
}

export function attachedTo(
  book: PolicyBook,
  holder: PolicyHolder,
  pathPrefix = '/',
): { PolicyName: string; PolicyArn: string }[] {
  return (holder.attached ?? [])
    .map((arn) => book.find(arn))
    .filter((policy) => policy !== undefined && policy.path.startsWith(pathPrefix))
    .map((policy) => policy as PolicyRecord)
    .sort(byName)
    .map(({ name, arn }) => ({ PolicyName: name, PolicyArn: arn }));
}

/** @throws DeleteConflictException while policies remain */
export function requireBare(holder: PolicyHolder): void {
  if (Object.keys(holder.policies).length > 0)
    throw conflict('Cannot delete entity, must delete policies first.');
  if ((holder.attached ?? []).length > 0)
    throw conflict('Cannot delete entity, must detach all policies first.');
}

function word(kind: HolderKind): string {
  return kind.charAt(0).toUpperCase() + kind.slice(1);
}
