import { inAccount } from '../aws/clients.ts';
import { isNamed, refuse } from '../aws/errors.ts';
import { failure } from '../failures.ts';
import { createAwsTime, instantOf } from './aws-time.ts';
import { evidenceSource } from './evidence-source.ts';
import { kmsSigner, regionOfKey } from './kms-signer.ts';
import { ledgerOf } from './ledger.ts';
import { statementOfDecision } from './decisions.ts';
import { factsFiledAs, findDrill, statementNamed } from './drill-evidence.ts';
import { newestFact } from './newest.ts';
import * as read from './read.ts';
import { sealNight as seal } from './seal-night.ts';
import { readSettings } from './settings.ts';
import { recordStatement as record } from './statements.ts';
import type { HoldFact } from '../../domain/claims.ts';
import type { Instant } from '../../domain/units.ts';
import type { NightFact, RecordedBy, SealRef, StatementRef } from '../../domain/facts.ts';
import type { RecordDecision } from '../../domain/decisions.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import type { UnderPolicy } from '../../domain/requests.ts';
import type { EvidenceSource } from '../../evidence/reports/source.ts';
import type { Signer } from '../../evidence/signer.ts';
import type { LedgerKey } from '../../evidence/verifier/seal-format.ts';
import type { ExportDescription } from '../../evidence/export-folder.ts';
import type { DrillEvidence } from '../../evidence/reports/drill.ts';
import type { LedgerClients } from './ledger.ts';
import type { NewStatement } from './statements.ts';

export { createFingerprintStore, findFingerprint, getFingerprint, putFingerprint } from './fingerprints.ts';
export { ledgerOf } from './ledger.ts';
export type { Ledger, LedgerClients } from './ledger.ts';
export type { ListedSeal, ListedStatement, Period, ReadStatement } from './read.ts';
export type { NewStatement } from './statements.ts';

export interface OfPolicy {
  readonly policy: Policy;
}

export interface OpenAlert {
  readonly key: string;
  readonly raisedAt: Instant;
  readonly subject: string;
}

const UNUSABLE_KEY = [
  'DisabledException',
  'KMSInvalidStateException',
  'NotFoundException',
  'AccessDeniedException',
];

export type LedgerActivities = ReturnType<typeof createLedgerActivities>;

/** Writes statements and seals. Everything is safe to repeat: a second attempt finds what the first one wrote. */
export function createLedgerActivities({
  clients,
  recordedBy,
}: {
  readonly clients: LedgerClients;
  readonly recordedBy?: RecordedBy | undefined;
}) {
  const time = createAwsTime();

  function signerOf(policy: Policy, keyArn: string): Promise<Signer> {
    return kmsSigner(clients.kms(inAccount(policy, 'vault', regionOfKey(keyArn))), keyArn);
  }

  /** A key that was disabled or deleted cannot vouch any more; that must not keep the night from being sealed. */
  async function formerSigner(policy: Policy, { source, keyid }: LedgerKey): Promise<Signer | undefined> {
    try {
      const signer = await signerOf(policy, source);
      if (signer.key.keyid !== keyid) return undefined;
      await signer.sign(Buffer.from('can this key still sign?'));
      return signer;
    } catch (error) {
      if (UNUSABLE_KEY.some((name) => isNamed(error, name))) return undefined;
      throw error;
    }
  }

  async function asked<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      return refuse(error, { doing, otherwise: 'LedgerRefused', forget: () => clients.forget() });
    }
  }

  return {
    /** Signs a fact and files it, locked, under a name that is the same on every attempt. */
    async recordStatement({ policy, ...statement }: OfPolicy & NewStatement): Promise<StatementRef> {
      return asked(`write the statement ${statement.scope}/${statement.name}`, async () =>
        record(
          ledgerOf(policy, clients),
          time,
          await signerOf(policy, policy.ledger.signingKey),
          statement,
          recordedBy,
        ),
      );
    },

    /** Seals every statement that no seal lists yet, together with what became of each slot of the night. */
    async sealNight({
      policy,
      slot,
      night,
    }: OfPolicy & { readonly slot: Instant; readonly night: NightFact }): Promise<SealRef> {
      if (slot !== night.slot)
        throw failure('LedgerRefused', `The night of ${night.slot} cannot be sealed for the slot ${slot}.`);
      return asked(`seal the night ${slot}`, async () => {
        const signer = await signerOf(policy, policy.ledger.signingKey);
        const ledger = ledgerOf(policy, clients);
        const kms = clients.kms(inAccount(policy, 'vault', regionOfKey(policy.ledger.signingKey)));
        return seal(
          {
            ledger,
            time,
            signer,
            formerSigner: (key) => formerSigner(policy, key),
            settings: (previous) => readSettings(ledger, kms, policy.ledger.signingKey, previous),
          },
          night,
        );
      });
    },

    /** Writes down what a person decided: a sign-off by a reviewer who took no part, or a waiver with owner and expiry. */
    async recordDecision({ policy, decision }: RecordDecision): Promise<StatementRef> {
      return asked(`record the ${decision.kind}`, async () => {
        const ledger = ledgerOf(policy, clients);
        const reviewed = decision.kind === 'sign-off' ? await statementNamed(ledger, decision.which) : null;
        const awsNow = instantOf(await time.ask(ledger));
        const signer = await signerOf(policy, policy.ledger.signingKey);
        return record(
          ledger,
          time,
          signer,
          statementOfDecision(policy, decision, awsNow, reviewed),
          recordedBy,
        );
      });
    },

    /** Whether the newest statement of which policy was applied names this one. */
    async policyOnRecord({ policy, policySha256 }: UnderPolicy): Promise<boolean> {
      return asked('look up which policy was applied', async () => {
        const newest = await newestFact(
          ledgerOf(policy, clients),
          `policy-${policy.name}-`,
          (key) => key.endsWith('/policy-applied.json'),
          (fact) => (fact.type === 'policy-applied' && fact.policy === policy.name ? fact : null),
        );
        return newest?.fact.policySha256 === policySha256;
      });
    },

    /** The alert of this name that was raised and not cleared since; null when there is none. */
    async openAlert({ policy, alert }: OfPolicy & { readonly alert: string }): Promise<OpenAlert | null> {
      return asked(`look up the alert ${alert}`, async () => {
        const newest = await newestFact(
          ledgerOf(policy, clients),
          `known-bad-${policy.name}-`,
          (key) => /\/alert(-cleared)?\.json$/.test(key),
          (fact) => (fact.type === 'alert' && fact.alert === alert ? fact : null),
        );
        if (newest?.fact.state !== 'raised') return null;
        return { key: newest.key, raisedAt: newest.fact.at, subject: newest.fact.subject };
      });
    },

    /** AWS's time, in whole seconds: what retention is decided by. */
    async awsNow({ policy }: OfPolicy): Promise<Instant> {
      return asked('read the time of AWS', async () => instantOf(await time.ask(ledgerOf(policy, clients))));
    },
  };
}

export type LedgerReader = ReturnType<typeof createLedgerReader>;

/** Reads the ledger, for people and reports. Needs no right to write or to sign. */
export function createLedgerReader({ clients }: { readonly clients: Pick<LedgerClients, 's3' | 'forget'> }) {
  async function asked<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      return refuse(error, { doing, otherwise: 'LedgerRefused', forget: () => clients.forget() });
    }
  }

  return {
    async listStatements({ policy, ...period }: OfPolicy & read.Period): Promise<read.ListedStatement[]> {
      return asked('list the statements', () => read.listStatements(ledgerOf(policy, clients), period));
    },
    async readStatement({
      policy,
      key,
      versionId,
    }: OfPolicy & { readonly key: string; readonly versionId?: string }): Promise<read.ReadStatement> {
      return asked(`read the statement ${key}`, () =>
        read.readStatement(ledgerOf(policy, clients), key, versionId),
      );
    },
    /** @param which name of a resource or key of a statement; default: the newest drill of all. */
    async findDrill({
      policy,
      which,
    }: OfPolicy & { readonly which?: string | undefined }): Promise<DrillEvidence> {
      return asked('find the drill', () => findDrill(ledgerOf(policy, clients), which));
    },
    /** The last that is on record of each hold of the policy, the newest first. */
    async listHolds({ policy }: OfPolicy): Promise<HoldFact[]> {
      return asked('list the holds', async () => {
        const found = await factsFiledAs<HoldFact>(
          ledgerOf(policy, clients),
          'hold',
          `hold-${policy.name}-`,
          {
            from: '',
          },
        );
        const facts = found.map(({ fact }) => fact).filter((fact) => fact.policy === policy.name);
        const last = new Map(
          facts.sort((a, b) => (a.at < b.at ? -1 : 1)).map((fact) => [fact.hold ?? fact.holdArn, fact]),
        );
        return [...last.values()].reverse();
      });
    },
    async listSeals({ policy, ...period }: OfPolicy & read.Period): Promise<read.ListedSeal[]> {
      return asked('list the seals', () => read.listSeals(ledgerOf(policy, clients), period));
    },
    /** Hands the ledger to `use` as a source of reports. @param from first day on which seals were made. */
    async report<T>(
      { policy, from }: OfPolicy & { readonly from?: string | undefined },
      use: (source: EvidenceSource) => Promise<T>,
    ): Promise<T> {
      return asked('read the evidence for a report', () =>
        use(evidenceSource(ledgerOf(policy, clients), from)),
      );
    },
    async exportEvidence({
      policy,
      ...what
    }: OfPolicy & read.Period & { readonly out: string }): Promise<ExportDescription> {
      return asked(`export the evidence to ${what.out}`, () =>
        read.exportEvidence(ledgerOf(policy, clients), what),
      );
    },
  };
}
