import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { Context } from '@temporalio/activity';
import type { FenceFact, FingerprintRef } from '../domain/facts.ts';
import type { LastVerified } from '../domain/last-verified.ts';
import type { ApplicationCheck, Assertion } from '../domain/policy/verification-schema.ts';
import { TAKEN, type CredentialFacts } from '../domain/isolation.ts';
import type { FreshnessRule, Policy, ResourceKind } from '../domain/policy/schema.ts';
import type { Instant } from '../domain/units.ts';
import type { CheckId, CheckResult } from '../domain/verdict.ts';
import type { BootFacts, ProbeHooks } from '../probe/engine.ts';
import type { ReadingLoad } from '../probe/postgresql/load-guard.ts';
import { reachTcp } from '../probe/reach-tcp.ts';
import type { AwsClients } from './aws/clients.ts';
import { classOf, nameOf, refuse } from './aws/errors.ts';
import { failure } from './failures.ts';
import { withoutContent } from './probe-errors.ts';
import { bucketProbe } from './probing/buckets.ts';
import { databaseProbe } from './probing/databases.ts';
import type { KindProbe } from './probing/kind-probe.ts';

/** Where a prober keeps fingerprints: the ledger, through its own role. */
export interface FingerprintStore {
  /** The object that an earlier attempt has written, if there is one. */
  find(policy: Policy, key: string): Promise<StoredObject | null>;
  put(policy: Policy, key: string, bytes: Uint8Array): Promise<StoredObject>;
  /** @throws FingerprintMissing when it is gone or its bytes are not those of `ref`. */
  get(policy: Policy, stored: StoredObject): Promise<Uint8Array>;
  /** The same for fingerprints that are too large for memory: they lie in the file `path`. */
  findFile(policy: Policy, key: string, path: string): Promise<StoredObject | null>;
  putFile(policy: Policy, key: string, path: string): Promise<StoredObject>;
  getFile(policy: Policy, stored: StoredObject, path: string): Promise<void>;
}

export type StoredObject = Pick<FingerprintRef, 'bucket' | 'key' | 'versionId' | 'sha256' | 'bytes'>;

export interface ProberDeps {
  readonly clients: AwsClients;
  readonly store: FingerprintStore;
  /** PEM bundle of the certificate authorities of the databases. */
  readonly ca: string;
  /** Address from which the prober asks, when the host has several networks. */
  readonly localAddress?: string;
  /** On this prober's own disk, for what is read of buckets: listings may be too large for memory, and are gone on with after a crash. */
  readonly folder: string;
  readonly now: () => Date;
}

/** A database or bucket as the workflows address it. A secret is read here, inside its network, and goes nowhere. */
export interface ProbedDatabase {
  readonly kind: ResourceKind;
  readonly host: string;
  readonly port: number;
  /** Null where the prober's own role opens it. */
  readonly secretArn: string | null;
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
export function createProberActivities(deps: ProberDeps) {
  const { clients, localAddress, now } = deps;
  const probes: Readonly<Record<ResourceKind, KindProbe>> = {
    'rds-instance': databaseProbe('rds-instance', deps),
    's3-bucket': bucketProbe(deps),
  };

  /** Runs probe work; what it throws is stripped of everything that could be row content. */
  async function probing<T>(what: string, work: (hooks: ProbeHooks, run: string) => Promise<T>): Promise<T> {
    const context = Context.current();
    const hooks: ProbeHooks = {
      heartbeat: (detail) => context.heartbeat(detail),
      signal: context.cancellationSignal,
      now,
    };
    const { workflowId, runId } = context.info.workflowExecution ?? { workflowId: '', runId: '' };
    try {
      return await work(hooks, `${workflowId}/${runId}`);
    } catch (error) {
      throw withoutContent(error, what);
    }
  }

  return {
    /** Digests of structure and content, written to the ledger. An attempt that was lost after its write is found again. */
    async takeFingerprint(ask: TakeFingerprint): Promise<FingerprintRef> {
      return probing(`fingerprint ${ask.pass} the backup`, (hooks, run) =>
        probes[ask.database.kind].takeFingerprint(ask, run, hooks),
      );
    },

    /** The instant of the first answer of a restored copy: the second of the three RTO figures. */
    async firstQuery({
      database,
    }: {
      database: ProbedDatabase;
    }): Promise<{ at: Instant; serverVersion: string }> {
      return probing('first query', async (hooks) => {
        const { at, serverVersion } = await probes[database.kind].firstQuery(database, hooks);
        return { at, serverVersion };
      });
    },

    async runCheck(ask: RunCheck): Promise<CheckResult> {
      return probing(`check ${ask.check}`, (hooks, run) =>
        probes[ask.database.kind].runCheck(ask, run, hooks),
      );
    },

    /**
     * Spoils a restored copy on purpose, for the known-bad drill. Refuses whatever is not provably a copy: it must lie in the drill
     * account, and its address must not be the source's. @returns what was done, null when there was nothing to spoil.
     */
    async spoilCopy(ask: SpoilCopy): Promise<string | null> {
      const { policy, database, source } = ask;
      const isCopy =
        probes[database.kind].isInDrillAccount(policy, database) &&
        source !== null &&
        !(source.host === database.host && source.port === database.port);
      if (!isCopy)
        throw failure('ForeignResource', `Refused to spoil ${database.host}: it is not provably a copy.`, {
          host: database.host,
        });
      return probing('spoil the copy', async (hooks, run) => {
        const done = await probes[database.kind].spoil(ask, run, hooks);
        return done?.what ?? null;
      });
    },

    /** Tries to reach what must not be reachable from this network. */
    async probeFence({ targets }: ProbeFence): Promise<FenceFact['attempts']> {
      const attempts = targets.map(async ({ kind, name, host, port }) => {
        const { reached, how } =
          kind === 'tcp'
            ? await reachTcp(
                { host, port, ...(localAddress === undefined ? {} : { localAddress }) },
                FENCE_TIMEOUT_MS,
              )
            : await probes[kind].reach({ host, port }, FENCE_TIMEOUT_MS);
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
