import { randomUUID } from 'node:crypto';
import { access, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FingerprintRef } from '../../domain/facts.ts';
import { DRILL_PREFIX } from '../../domain/names.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import { BUCKET_CHECK_IDS } from '../../domain/verdict.ts';
import { bucketEngine } from '../../probe/registry.ts';
import { openManifest, type Manifest } from '../../probe/s3/manifest.ts';
import { bucketOf, createBucket } from '../aws/bucket.ts';
import { failure } from '../failures.ts';
import type { ProbedDatabase, ProberDeps, StoredObject } from '../prober.ts';
import type { KindProbe } from './kind-probe.ts';
import { workFolder } from './work-folder.ts';

/**
 * Buckets, read with the prober's own role. What is read of them lies on the prober's disk while it is needed: a lost attempt goes on
 * there. Listings hold keys, which are personal data, so their position is kept there and not in heartbeats.
 */
export function bucketProbe({
  clients,
  store,
  folder,
}: Pick<ProberDeps, 'clients' | 'store' | 'folder'>): KindProbe {
  const engine = bucketEngine;
  const work = workFolder(folder);

  function bucket(
    { host, region }: Pick<ProbedDatabase, 'host' | 'region'>,
    owner?: string,
    signal?: AbortSignal,
  ) {
    return createBucket({
      ...{ s3: clients.s3({ region }), name: bucketOf(host).name, forget: clients.forget },
      ...(owner === undefined ? {} : { owner }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** A manifest of the ledger, fetched once. Its digest is that of the reference. */
  async function manifest(policy: Policy, ref: FingerprintRef): Promise<Manifest> {
    const path = join(await work.folder('manifest', ref.sha256), 'manifest');
    if (!(await exists(path))) await store.getFile(policy, ref, path);
    return openManifest(path);
  }

  return {
    async takeFingerprint({ policy, database, pass, seed: given, key, before, load }, run, hooks) {
      const own = await work.folder('fingerprint', run, key);
      const path = join(own, 'manifest');
      const earlier = await store.findFile(policy, key, path);
      if (earlier !== null) {
        const ref = described(earlier, await openManifest(path));
        await rm(own, { recursive: true, force: true });
        return ref;
      }
      const first = before === undefined ? undefined : (await manifest(policy, before)).head;
      const seed = given ?? first?.seed ?? (await seedIn(own));
      const taken = await engine.fingerprint(
        bucket(database, policy.accounts.production.id, hooks.signal),
        {
          ...{ pass, seed, folder: own },
          turns: { every: load?.everyNights ?? 1, night: load?.night ?? 0 },
          ...(first === undefined ? {} : { before: first }),
          ...(load?.workers === undefined ? {} : { workers: load.workers }),
          ...(load?.rowsPerSecond === undefined ? {} : { perSecond: load.rowsPerSecond }),
        },
        hooks,
      );
      const ref = described(await store.putFile(policy, key, taken.path), taken);
      await rm(own, { recursive: true, force: true });
      return ref;
    },

    firstQuery: (thing, hooks) => engine.firstQuery(bucket(thing, undefined, hooks.signal), hooks),

    async runCheck({ policy, check, database, before, after }, run, hooks) {
      const id = BUCKET_CHECK_IDS.find((known) => known === check);
      if (id === undefined)
        throw failure(
          'PreflightRefused',
          `A bucket cannot be asked the check ${check}: correct "checks" in the policy.`,
        );
      return engine.check(
        id,
        {
          bucket: bucket(database, policy.accounts.drill.id, hooks.signal),
          before: await manifest(policy, before),
          after: await manifest(policy, after),
          folder: await work.folder('copy', run, database.host),
        },
        hooks,
      );
    },

    isInDrillAccount: (policy, { host, region }) => {
      const { name, region: where } = bucketOf(host);
      // S3 itself refuses what is not the drill account's: every call names the expected owner.
      return name.startsWith(DRILL_PREFIX) && region === policy.drill.region && where === region;
    },

    async spoil({ policy, database, before, after, seed }, run, hooks) {
      const copy = bucket(database, policy.accounts.drill.id, hooks.signal);
      const passes = { before: await manifest(policy, before), after: await manifest(policy, after), seed };
      return engine.spoil(copy, { ...passes, folder: await work.folder('spoil', run, database.host) }, hooks);
    },

    async reach({ host }, timeoutMs) {
      const { region } = bucketOf(host);
      return engine.reach(bucket({ host, region }, undefined, AbortSignal.timeout(timeoutMs)));
    },
  };
}

/** In the words of a reference, a bucket is one table, its current objects are rows, and all its versions are blocks. */
function described(stored: StoredObject, { head: { takenAt, tally } }: Manifest): FingerprintRef {
  return { ...stored, takenAt, tables: 1, rows: tally.objects, blocks: tally.versions };
}

/** The secret seed of a night. An attempt that goes on where another one was lost needs the same one. */
async function seedIn(folder: string): Promise<string> {
  const file = join(folder, 'seed');
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const seed = randomUUID();
    await writeFile(`${file}.new`, seed, { mode: 0o600 });
    await rename(`${file}.new`, file);
    return seed;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
