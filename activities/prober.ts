import { randomUUID } from 'node:crypto';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { FenceFact, FingerprintRef } from '../domain/facts.ts';
import type { LastVerified } from '../domain/last-verified.ts';
import type { ApplicationCheck, Assertion } from '../domain/policy/verification-schema.ts';
import { TAKEN, type CredentialFacts } from '../domain/isolation.ts';
import type { FreshnessRule, Policy, ResourceKind } from '../domain/policy/schema.ts';
import type { Instant } from '../domain/units.ts';
import type { CheckId, CheckResult } from '../domain/verdict.ts';
import type { BootFacts, ProbeHooks, ProbeTarget } from '../probe/engine.ts';
import { FingerprintUnreadable } from '../probe/errors.ts';
import { decodeFingerprint, encodeFingerprint } from '../probe/postgresql/fingerprint-file.ts';
import type { ReadingLoad } from '../probe/postgresql/load-guard.ts';
import { sizeOf, type Fingerprint } from '../probe/postgresql/fingerprint.ts';
import { engineFor } from '../probe/registry.ts';
import { reachTcp } from '../probe/reach-tcp.ts';
import type { At, AwsClients } from './aws/clients.ts';
import { classOf, nameOf, refuse } from './aws/errors.ts';
import { failure } from './failures.ts';
import { withoutContent } from './probe-errors.ts';

/** Where a prober keeps fingerprints: the ledger, through its own role. */
export interface FingerprintStore {
  /** The object that an earlier attempt has written, if there is one. */
  find(policy: Policy, key: string): Promise<StoredObject | null>;
  put(policy: Policy, key: string, bytes: Uint8Array): Promise<StoredObject>;
  /** @throws FingerprintMissing when it is gone or its bytes are not those of `ref`. */
  get(policy: Policy, stored: StoredObject): Promise<Uint8Array>;
}

export type StoredObject = Pick<FingerprintRef, 'bucket' | 'key' | 'versionId' | 'sha256' | 'bytes'>;

export interface ProberDeps {
  readonly clients: AwsClients;
  readonly store: FingerprintStore;
  /** PEM bundle of the certificate authorities of the databases. */
  readonly ca: string;
  /** Address from which the prober asks, when the host has several networks. */
  readonly localAddress?: string;
  readonly now: () => Date;
}

/** A database as the workflows address it. The secret is read here, inside its network, and goes nowhere. */
export interface ProbedDatabase {
  readonly kind: ResourceKind;
  readonly host: string;
  readonly port: number;
  readonly secretArn: string;
  readonly region: string;
}

export interface TakeFingerprint {
  readonly policy: Policy;
  readonly database: ProbedDatabase;
  readonly pass: 'before' | 'after';
  /** Only from runs of before it was made here. It stays inside the fingerprint, and out of histories. */
  readonly seed?: string;
  readonly key: string;
  readonly before?: FingerprintRef;
  /** Both passes of the last verified night, from which what did not change may be taken. */
  readonly known?: LastVerified['fingerprints'];
  readonly load?: ReadingLoad;
}

export interface RunCheck {
  readonly policy: Policy;
  readonly check: CheckId;
  readonly database: ProbedDatabase;
  readonly before: FingerprintRef;
  readonly after: FingerprintRef;
  /** Second pass of the last verified point; null when there is none, absent when nobody looked. */
  readonly lastVerified?: FingerprintRef | null;
  readonly boot: BootFacts | null;
  readonly freshness: readonly FreshnessRule[];
  readonly assertions?: readonly Assertion[];
  readonly applicationChecks?: readonly ApplicationCheck[];
  readonly backupAt: Instant;
  readonly rpoSeconds: number;
}

export interface SpoilCopy {
  readonly policy: Policy;
  readonly database: ProbedDatabase;
  readonly before: FingerprintRef;
  readonly after: FingerprintRef;
  readonly seed: string;
  /** Where the source answers: never touched. */
  readonly source: { readonly host: string; readonly port: number } | null;
}

export interface ProbeFence {
  readonly targets: readonly {
    /** `tcp`: no database, any answer to a connection counts as reached. */
    readonly kind: ResourceKind | 'tcp';
    readonly name: string;
    readonly host: string;
    readonly port: number;
  }[];
}

export interface TryRoles {
  readonly region: string;
  readonly roles: readonly { readonly role: string; readonly externalId?: string }[];
}

const FENCE_TIMEOUT_MS = 5_000;

/** What runs inside a network. Only digests, counts and timings leave. */
export function createProberActivities({ clients, store, ca, localAddress, now }: ProberDeps) {
  const decoded = new Map<string, Fingerprint>();

  async function target({ host, port, secretArn, region }: ProbedDatabase): Promise<ProbeTarget> {
    const doing = `read the secret ${secretArn}`;
    const at: At = { region };
    const { SecretString } = await clients
      .secrets(at)
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

  /** Runs probe work; what it throws is stripped of everything that could be row content. */
  async function probing<T>(what: string, work: (hooks: ProbeHooks) => Promise<T>): Promise<T> {
    const context = Context.current();
    const hooks: ProbeHooks = {
      heartbeat: (detail) => context.heartbeat(detail),
      signal: context.cancellationSignal,
      now,
    };
    try {
      return await work(hooks);
    } catch (error) {
      throw withoutContent(error, what);
    }
  }

  return {
    /** Digests of structure and content, written to the ledger. An attempt that was lost after its write is found again. */
    async takeFingerprint({
      policy,
      database,
      pass,
      seed,
      key,
      before,
      known,
      load: strength,
    }: TakeFingerprint): Promise<FingerprintRef> {
      return probing(`fingerprint ${pass} the backup`, async (hooks) => {
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
        const fingerprint = await engineFor(database.kind).fingerprint(
          await target(database),
          request,
          hooks,
        );
        return described(await store.put(policy, key, encodeFingerprint(fingerprint)), fingerprint);
      });
    },

    /** The instant of the first answer of a restored copy: the second of the three RTO figures. */
    async firstQuery({
      database,
    }: {
      database: ProbedDatabase;
    }): Promise<{ at: Instant; serverVersion: string }> {
      return probing('first query', async (hooks) => {
        const { at, serverVersion } = await engineFor(database.kind).firstQuery(
          await target(database),
          hooks,
        );
        return { at, serverVersion };
      });
    },

    async runCheck(request: RunCheck): Promise<CheckResult> {
      const { policy, check, database, before, after, boot, freshness, backupAt, rpoSeconds } = request;
      const { lastVerified, assertions = [], applicationChecks = [] } = request;
      return probing(`check ${check}`, async (hooks) =>
        engineFor(database.kind).check(
          check,
          {
            target: await target(database),
            before: await load(policy, before),
            after: await load(policy, after),
            ...(lastVerified === undefined
              ? {}
              : { lastVerified: lastVerified && (await loadIfThere(policy, lastVerified)) }),
            boot,
            freshness,
            assertions,
            applicationChecks,
            backupAt,
            rpoSeconds,
          },
          hooks,
        ),
      );
    },

    /**
     * Spoils a restored copy on purpose, for the known-bad drill. Refuses whatever is not provably a copy: its secret must lie in the
     * drill account, and its address must not be the source's. @returns what was done, null when there was nothing to spoil.
     */
    async spoilCopy(request: SpoilCopy): Promise<string | null> {
      const { policy, database, before, after, seed, source } = request;
      const [, , , region, account] = database.secretArn.split(':');
      const isCopy =
        account === policy.accounts.drill.id &&
        region === policy.drill.region &&
        source !== null &&
        !(source.host === database.host && source.port === database.port);
      if (!isCopy)
        throw failure('ForeignResource', `Refused to spoil ${database.host}: it is not provably a copy.`, {
          host: database.host,
        });
      return probing('spoil the copy', async (hooks) => {
        const passes = { before: await load(policy, before), after: await load(policy, after), seed };
        const done = await engineFor(database.kind).spoil(await target(database), passes, hooks);
        return done?.what ?? null;
      });
    },

    /** Tries to reach what must not be reachable from this network. */
    async probeFence({ targets }: ProbeFence): Promise<FenceFact['attempts']> {
      const attempts = targets.map(async ({ kind, name, host, port }) => {
        const at = { host, port, ...(localAddress === undefined ? {} : { localAddress }) };
        const { reached, how } =
          kind === 'tcp'
            ? await reachTcp(at, FENCE_TIMEOUT_MS)
            : await engineFor(kind).reach(at, FENCE_TIMEOUT_MS);
        return { target: `${name} at ${host}:${port}`, reached, how };
      });
      return Promise.all(attempts);
    },

    /** Says as whom this prober acts, and tries to take roles that it must not get. Credentials that it is given are dropped unused. */
    async tryRoles({ region, roles }: TryRoles): Promise<CredentialFacts> {
      const sts = clients.sts({ region });
      const { Arn = 'unknown' } = await sts.send(new GetCallerIdentityCommand({})).catch((error: unknown) =>
        refuse(error, {
          doing: 'ask STS who this prober is',
          otherwise: 'IsolationUnknown',
          forget: clients.forget,
        }),
      );
      const attempts = roles.map(async ({ role, externalId }) => {
        try {
          await sts.send(
            new AssumeRoleCommand({
              RoleArn: role,
              RoleSessionName: 'lifeboat-must-be-refused',
              DurationSeconds: 900,
              ...(externalId === undefined ? {} : { ExternalId: externalId }),
            }),
          );
          return { role, refused: false, how: TAKEN };
        } catch (error) {
          return { role, refused: classOf(error) === 'denied', how: nameOf(error) };
        }
      });
      return { caller: Arn, attempts: await Promise.all(attempts) };
    },
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
