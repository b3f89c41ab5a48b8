import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { decodeStatement, PREDICATE_BASE } from './verifier/envelope.ts';
import type { Fact } from '../domain/facts.ts';

interface Kind<F extends Fact> {
  /** The fact as one sentence for people. */
  readonly says: (fact: F) => string;
  /** Who writes it today; null when nothing does, and the kind is there to be read. */
  readonly writtenBy: string | null;
  /** Where the same fact is told as a part of a larger one. */
  readonly toldBy?: string;
}

type Kinds = { readonly [T in Fact['type']]: Kind<Extract<Fact, { type: T }>> };

const some = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
const because = (reason: string | undefined): string =>
  reason === undefined || reason === '' ? '' : `: ${reason}`;

/** Every kind of statement. The schema of a kind is `evidence/schemas/<kind>.v1.json`. */
export const STATEMENT_KINDS: Kinds = {
  'policy-applied': {
    says: (f) =>
      `Policy ${f.policy} (${f.policySha256.slice(0, 12)}) covers ${f.resources.join(', ')}${f.seenInForce === undefined ? '' : '; it was found in force, and who applied it is not on record'}.`,
    writtenBy: 'recordPolicy, started by lifeboat apply; nightlyRun, when that was lost',
  },
  protection: {
    says: (f) =>
      f.outcome === 'protected'
        ? `${f.resource.name} was backed up in the slot ${f.slot} and is in ${some(f.points.length, 'place')}.`
        : `${f.resource.name} was not protected in the slot ${f.slot}${because(f.reason)}.`,
    writtenBy: 'protectResource',
  },
  drill: {
    says: (f) =>
      `The drill of ${f.resource.name} in the slot ${f.slot} ${f.verdict === 'inconclusive' ? 'is inconclusive' : f.verdict}${because(f.reasons.join('; '))}.`,
    writtenBy: 'restoreDrill',
  },
  restore: {
    says: (f) =>
      `Restore ${f.request} of ${f.resource.name} for ${f.requestedBy} is ${f.phase}${because(f.ended ?? undefined)}.`,
    writtenBy: 'restoreRequest',
  },
  retention: {
    says: ({ vaults, awsNow }) => {
      const sum = (part: 'provenGone' | 'lingering' | 'held'): number =>
        vaults.reduce((total, vault) => total + vault[part].length, 0);
      return `At ${awsNow} ${some(sum('provenGone'), 'expired point')} proven gone, ${sum('lingering')} lingering, ${sum('held')} held.`;
    },
    writtenBy: 'retentionPass',
  },
  sweep: {
    says: (f) => `The sweeper removed ${some(f.removed.length, 'thing')} and refused ${f.refused.length}.`,
    writtenBy: 'sweepOrphans',
  },
  night: { says: (f) => `The night ${f.slot} of ${f.policy} ended ${f.verdict}.`, writtenBy: 'the seal' },
  'slot-opened': {
    says: (f) => `The slot ${f.slot} was opened for ${some(f.resources.length, 'resource')}.`,
    writtenBy: 'nightlyRun',
    toldBy: 'protection and drill, whose slot it is',
  },
  'slot-ended': {
    says: (f) => `${f.resource} ended ${f.end} in the slot ${f.slot}${because(f.reason)}.`,
    writtenBy: null,
    toldBy: 'the population of the seal',
  },
  'recovery-point': {
    says: (f) => `${f.resource.name} has the recovery point ${f.point.arn} (${f.point.status}).`,
    writtenBy: null,
    toldBy: 'protection (points[0])',
  },
  copy: {
    says: (f) =>
      `Hop ${f.hop} of ${f.resource.name} is ${f.point.status} in ${f.point.location.vault} (${f.point.location.region}).`,
    writtenBy: null,
    toldBy: 'protection (points after the first)',
  },
  lock: {
    says: (f) =>
      `The lock of ${f.location.vault} (${f.location.region}) read back as ${f.lock.state}; wanted: ${f.wanted}.`,
    writtenBy: null,
    toldBy: 'protection (points[].lock)',
  },
  archive: {
    says: (f) => `${f.resource.name} is archived as ${some(f.objects, 'object')} in ${f.bucket}/${f.prefix}.`,
    writtenBy: null,
  },
  fingerprint: {
    says: (f) =>
      `${f.resource.name} was fingerprinted ${f.moment} the backup: ${some(f.fingerprint.rows, 'row')}.`,
    writtenBy: null,
    toldBy: 'protection (fingerprints)',
  },
  isolation: {
    says: (f) =>
      `${f.fence.attempts.filter(({ reached }) => !reached).length} of ${some(f.fence.attempts.length, 'attempt')} to leave the drill of ${f.resource.name} failed, as they must.`,
    writtenBy: 'restoreDrill, restoreRequest',
    toldBy: 'drill (fence)',
  },
  teardown: {
    says: (f) =>
      `After the drill of ${f.resource.name} ${f.leftovers.length === 0 ? 'nothing is left' : `${some(f.leftovers.length, 'thing')} left: ${f.leftovers.join(', ')}`}.`,
    writtenBy: 'restoreDrill, restoreRequest',
    toldBy: 'drill (teardown)',
  },
  hold: {
    says: (f) =>
      `A hold on ${some(f.points.length, 'point')} of ${f.resource} was ${f.action} by ${f.by}${because(f.reason)}.`,
    writtenBy: 'changeHold, for lifeboat hold place and release',
  },
  approval: {
    says: (f) => `${f.by} ${f.decision} the request ${f.request}${because(f.reason)}.`,
    writtenBy: 'restoreRequest, for lifeboat restore approve and deny',
    toldBy: 'restore (approvals)',
  },
  access: {
    says: (f) =>
      f.action === 'granted'
        ? `${f.person} may reach ${f.resource} until ${f.until} (request ${f.request}).`
        : `The access of ${f.person} to ${f.resource} ended at ${f.at} (request ${f.request}).`,
    writtenBy: 'restoreRequest',
    toldBy: 'restore (handed-over, ended)',
  },
  waiver: {
    says: (f) =>
      `${f.owner} answers for ${f.what} of ${f.resource ?? 'every resource'} until ${f.expires}${because(f.reason)}.`,
    writtenBy: 'lifeboat waiver add',
  },
  'sign-off': {
    says: (f) =>
      `${f.reviewer} ${f.decision} ${f.statement.key}${because(f.note === '' ? undefined : f.note)}.`,
    writtenBy: 'lifeboat evidence sign-off',
  },
  'known-bad': {
    says: (f) =>
      `A damaged restore of ${f.resource.name} (${f.damage}) was ${f.caught ? 'caught' : 'NOT caught'}.`,
    writtenBy: 'knownBadDrill',
  },
  alert: {
    says: (f) => `Alert ${f.alert} (${f.severity}) was ${f.state} for ${f.subject}${because(f.message)}.`,
    writtenBy: 'nightlyRun: raised when its checks were blind, cleared when they see again',
  },
};

export const KINDS = Object.keys(STATEMENT_KINDS) as readonly Fact['type'][];

/** One sentence about a statement's predicate; for kinds of a later version its name. */
export function sentenceOf(fact: Fact): string {
  const kind = STATEMENT_KINDS[fact.type] as Kind<Fact> | undefined;
  return kind === undefined ? `A statement of the kind ${fact.type as string}.` : kind.says(fact);
}

const schemas = new Map<string, z.ZodType>();

function schemaOf(kind: string): z.ZodType {
  const known = schemas.get(kind);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(`./schemas/${kind}.v1.json`, import.meta.url), 'utf8');
  const schema = z.fromJSONSchema(JSON.parse(text) as Parameters<typeof z.fromJSONSchema>[0]);
  schemas.set(kind, schema);
  return schema;
}

/**
 * Compares the payload of an envelope with the schema of its kind.
 * @returns what does not fit, in words; empty when all does. Fields that the schema does not know are left alone.
 */
export function problemsOf(payload: Buffer): string[] {
  const { predicateType } = decodeStatement(payload);
  const [kind = '', version] = predicateType.slice(PREDICATE_BASE.length).split('/');
  if (version !== 'v1' || !(kind === 'seal' || Object.hasOwn(STATEMENT_KINDS, kind)))
    return [`predicateType: ${predicateType} is not of a kind that this version knows`];
  const result = schemaOf(kind).safeParse(JSON.parse(payload.toString()));
  return (result.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}
