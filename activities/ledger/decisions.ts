import { signOffScope } from '../../evidence/reports/find-drill.ts';
import { duration } from '../../domain/units.ts';
import { failure } from '../failures.ts';
import type { Decision, SignOffDecision, WaiverDecision } from '../../domain/decisions.ts';
import type { Fact } from '../../domain/facts.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import type { Instant } from '../../domain/units.ts';
import type { ReadStatement } from './read.ts';
import type { NewStatement } from './statements.ts';

const MOST_NAME = 60;

/** The statement that a decision of a person becomes, or a refusal in words. Nothing is written here. */
export function statementOfDecision(
  policy: Policy,
  decision: Decision,
  awsNow: Instant,
  reviewed: ReadStatement | null,
): NewStatement {
  switch (decision.kind) {
    case 'sign-off':
      if (reviewed === null) throw refused('There is no statement to sign off.');
      return signOff(policy, decision, awsNow, reviewed);
    case 'waiver':
      return waiver(policy, decision, awsNow);
  }
}

function signOff(
  policy: Policy,
  { policySha256, reviewer, decision, note }: SignOffDecision,
  signedAt: Instant,
  { key, versionId, sha256, statement }: ReadStatement,
): NewStatement {
  const fact = statement.predicate;
  if (!policy.reviewers.includes(reviewer))
    throw refused(
      `${reviewer} is not one of the policy's reviewers (${policy.reviewers.join(', ') || 'it names none'}). Add them to \`reviewers\`, or let one of those sign.`,
    );
  if (fact.type !== 'drill' && fact.type !== 'restore')
    throw refused(`${key} is a ${fact.type}; drills and restores are signed off.`);
  if (fact.policy !== policy.name)
    throw refused(`${key} belongs to the policy ${fact.policy}, not to ${policy.name}.`);
  const ran = whoRan(fact);
  if (ran.includes(reviewer))
    throw refused(`${reviewer} took part in ${key}; somebody else must sign it off.`);
  const unknown = ran.length === 0 && fact.type === 'drill' && fact.trigger !== 'night';
  return {
    scope: signOffScope(sha256),
    name: fileName(reviewer),
    fact: {
      type: 'sign-off',
      policy: policy.name,
      policySha256,
      statement: { key, versionId, sha256 },
      reviewer,
      decision,
      note: [note, ...(unknown ? ['The statement does not name who started the drill.'] : [])]
        .filter((text) => text !== '')
        .join(' '),
      signedAt,
    },
    subjects: [{ name: key, sha256 }],
  };
}

function whoRan(fact: Fact): string[] {
  if (fact.type === 'restore') return [fact.requestedBy, ...(fact.approvals ?? []).map(({ by }) => by)];
  if (fact.type !== 'drill') return [];
  return [...(fact.requestedBy === undefined ? [] : [fact.requestedBy]), ...(fact.approvedBy ?? [])];
}

function waiver(
  policy: Policy,
  { policySha256, waiver: name, owner, resource, what, reason, expires }: WaiverDecision,
  grantedAt: Instant,
): NewStatement {
  const { owners, longest } = policy.waivers;
  if (!owners.includes(owner))
    throw refused(
      `${owner} may not answer for an exception; waivers.owners names ${owners.join(', ') || 'nobody'}.`,
    );
  if (resource !== null && !policy.resources.some((one) => one.name === resource))
    throw refused(
      `The policy has no resource ${resource}; it has ${policy.resources.map((one) => one.name).join(', ')}.`,
    );
  const lasts = (Date.parse(expires) - Date.parse(grantedAt)) / 1000;
  if (!(lasts > 0))
    throw refused(
      `The waiver would have ended already: it expires at ${expires}, and AWS's time is ${grantedAt}.`,
    );
  if (lasts > duration(longest))
    throw refused(`The waiver would last until ${expires}; waivers.longest allows ${longest}.`);
  return {
    scope: `waiver-${fileName(name)}`,
    name: 'granted',
    fact: {
      type: 'waiver',
      policy: policy.name,
      policySha256,
      waiver: name,
      owner,
      resource,
      what,
      reason,
      grantedAt,
      expires,
    },
  };
}

function fileName(text: string): string {
  return text
    .replaceAll(/[^A-Za-z0-9._=-]/g, '-')
    .replace(/^\./, '-')
    .slice(0, MOST_NAME);
}

function refused(message: string): Error {
  return failure('LedgerRefused', `${message} Nothing was written.`);
}
