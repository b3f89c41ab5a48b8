import { randomUUID } from 'node:crypto';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { ApplicationFailure } from '@temporalio/common';
import type { FingerprintRef } from '../../domain/facts.ts';
import type { LastVerified } from '../../domain/last-verified.ts';
import type { DatabaseKind, Policy } from '../../domain/policy/schema.ts';
import { DATABASE_CHECK_IDS } from '../../domain/verdict.ts';
import type { ProbeTarget } from '../../probe/engine.ts';
import { FingerprintUnreadable } from '../../probe/errors.ts';
import { decodeFingerprint, encodeFingerprint } from '../../probe/postgresql/fingerprint-file.ts';
import { sizeOf, type Fingerprint } from '../../probe/postgresql/fingerprint.ts';
import { engineFor } from '../../probe/registry.ts';
import { refuse } from '../aws/errors.ts';
import { failure } from '../failures.ts';
import type { ProbedDatabase, ProberDeps, StoredObject } from '../prober.ts';
import type { KindProbe } from './kind-probe.ts';

/** Databases, reached with credentials that are read here, inside their network, and go nowhere. */
export function databaseProbe(
  kind: DatabaseKind,
  { clients, store, ca, localAddress }: Pick<ProberDeps, 'clients' | 'store' | 'ca' | 'localAddress'>,
): KindProbe {
  const engine = engineFor(kind);
  const decoded = new Map<string, Fingerprint>();

  async function target({ host, port, secretArn, region }: ProbedDatabase): Promise<ProbeTarget> {
    if (secretArn === null)
      throw failure('DatabaseUnreachable', `No secret with the credentials of ${host}:${port} is known.`);
    const doing = `read the secret ${secretArn}`;
    const { SecretString } = await clients
      .secrets({ region })
      .send(new GetSecretValueCommand({ SecretId: secretArn }))
      .catch((error: unknown) =>
        refuse(error, { doing, otherwise: 'DatabaseUnreachable', forget: clients.forget }),
      );
    const { username, password } = credentialsIn(SecretString, secretArn);
    return {
      host,
      port,
      user: username,
      password,
      ca,
      ...(localAddress === undefined ? {} : { localAddress }),
    };
  }

  async function load(policy: Policy, ref: FingerprintRef): Promise<Fingerprint> {
    const known = decoded.get(ref.sha256);
    if (known !== undefined) return known;
    const fingerprint = decodeFingerprint(await store.get(policy, ref));
    // Two fingerprints serve all checks of one drill; more would only hold memory.
    if (decoded.size >= 4) decoded.clear();
    decoded.set(ref.sha256, fingerprint);
    return fingerprint;
  }

  /** Null when it is gone or damaged: what only remembers must not hold up a night for ever. */
  async function loadIfThere(policy: Policy, ref: FingerprintRef): Promise<Fingerprint | null> {
    try {
      // Asked for once, and not by every check: it is not kept.
      return decodeFingerprint(await store.get(policy, ref));
    } catch (error) {
      const gone = error instanceof ApplicationFailure && error.type === 'FingerprintMissing';
      if (gone || error instanceof FingerprintUnreadable) return null;
      throw error;
    }
  }

  async function knownNight(policy: Policy, refs: LastVerified['fingerprints']) {
    const before = await loadIfThere(policy, refs.before);
    const after = await loadIfThere(policy, refs.after);
    return before === null || after === null ? {} : { known: { before, after } };
  }

  return {
    async takeFingerprint({ policy, database, pass, seed, key, before, known, load: strength }, _run, hooks) {
      const earlier = await store.find(policy, key);
      if (earlier !== null) return described(earlier, decodeFingerprint(await store.get(policy, earlier)));
      const first = before === undefined ? undefined : await load(policy, before);
      const request = {
        pass,
        seed: seed ?? first?.seed ?? randomUUID(),
        ...(first === undefined ? {} : { before: first }),
        ...(known === undefined ? {} : await knownNight(policy, known)),
        ...(strength === undefined ? {} : { load: strength }),
      };
      const fingerprint = await engine.fingerprint(await target(database), request, hooks);
      return described(await store.put(policy, key, encodeFingerprint(fingerprint)), fingerprint);
    },

    firstQuery: async (database, hooks) => engine.firstQuery(await target(database), hooks),

    async runCheck({ policy, check, database, before, after, ...rest }, _run, hooks) {
      const id = DATABASE_CHECK_IDS.find((known) => known === check);
      if (id === undefined)
        throw failure(
          'PreflightRefused',
          `A database cannot be asked the check ${check}: correct "checks" in the policy.`,
        );
      const { boot, freshness, assertions = [], applicationChecks = [], backupAt, rpoSeconds } = rest;
      const { lastVerified } = rest;
      return engine.check(
        id,
        {
          target: await target(database),
          before: await load(policy, before),
          after: await load(policy, after),
          ...(lastVerified === undefined
            ? {}
            : { lastVerified: lastVerified && (await loadIfThere(policy, lastVerified)) }),
          ...{ boot, freshness, assertions, applicationChecks, backupAt, rpoSeconds },
        },
        hooks,
      );
    },

    isInDrillAccount(policy, { secretArn }) {
      const [, , , region, account] = (secretArn ?? '').split(':');
      return account === policy.accounts.drill.id && region === policy.drill.region;
    },

    async spoil({ policy, database, before, after, seed }, _run, hooks) {
      const passes = { before: await load(policy, before), after: await load(policy, after), seed };
      return engine.spoil(await target(database), passes, hooks);
    },

    reach: (at, timeoutMs) =>
      engine.reach({ ...at, ...(localAddress === undefined ? {} : { localAddress }) }, timeoutMs),
  };
}

function described(stored: StoredObject, fingerprint: Fingerprint): FingerprintRef {
  return { ...stored, takenAt: fingerprint.takenAt, ...sizeOf(fingerprint) };
}

function credentialsIn(text: string | undefined, secretArn: string): { username: string; password: string } {
  const parsed = parse(text);
  if (typeof parsed?.username === 'string' && typeof parsed.password === 'string')
    return { username: parsed.username, password: parsed.password };
  // Never quote what was found: it is a secret, if a misshapen one.
  throw new Error(`The secret ${secretArn} is not JSON with "username" and "password".`);
}

function parse(text: string | undefined): { username?: unknown; password?: unknown } | undefined {
  try {
    return JSON.parse(text ?? '') as { username?: unknown; password?: unknown };
  } catch {
    return undefined;
  }
}
