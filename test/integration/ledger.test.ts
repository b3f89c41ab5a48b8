import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CreateKeyCommand, DisableKeyCommand, GetPublicKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  createFingerprintStore,
  createLedgerActivities,
  createLedgerReader,
} from '../../activities/ledger/index.ts';
import { decodeEnvelope } from '../../evidence/verifier/envelope.ts';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import { drillFact, nightFact, protectionFact } from '../unit/evidence-facts.ts';
import {
  BUCKET,
  localLedger,
  REGION,
  samplePolicy,
  VAULT,
  type LocalLedger,
} from '../support/local-ledger.ts';
import { slotOfNight } from '../unit/evidence-export.ts';
import type { SealPredicate } from '../../evidence/verifier/seal-format.ts';
import type { Policy } from '../../domain/policy/schema.ts';

let site: LocalLedger;
let aws: LocalLedger['aws'];
let s3: S3Client;
let kms: KMSClient;
let clients: LocalLedger['clients'];
let policy: Policy;
let folder: string;
let newKey: LocalLedger['newKey'];

beforeAll(async () => {
  site = await localLedger();
  ({ aws, s3, kms, clients, policy, folder, newKey } = site);
});

afterAll(async () => site.close());

/** One night: the statements of each resource, and its seal. */
async function night(n: number, resources: readonly string[], under: Policy = policy) {
  const ledger = createLedgerActivities({ clients });
  const slot = slotOfNight(n);
  for (const resource of resources) {
    for (const fact of [protectionFact(resource, slot), drillFact(resource, slot)]) {
      const scope = `${fact.type}-${resource}-${slot}`;
      await ledger.recordStatement({ policy: under, scope, name: fact.type, slot, fact });
    }
  }
  return ledger.sealNight({ policy: under, slot, night: nightFact(resources, slot) });
}

async function verified(key?: string) {
  const out = mkdtempSync(join(folder, 'export-'));
  await createLedgerReader({ clients }).exportEvidence({ policy, out });
  return verifyExport(out, key === undefined ? {} : { key });
}

async function keyFile(keyArn: string): Promise<string> {
  const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId: keyArn }));
  const file = join(mkdtempSync(join(folder, 'key-')), 'key.pem');
  const base64 = Buffer.from(PublicKey!).toString('base64');
  writeFileSync(
    file,
    `-----BEGIN PUBLIC KEY-----\n${base64.match(/.{1,64}/g)!.join('\n')}\n-----END PUBLIC KEY-----\n`,
  );
  return file;
}

test('a night goes through KMS and S3 into the ledger, and its export is verified with the key from KMS', async () => {
  const seal = await night(0, ['orders', 'customers']);
  expect(seal).toMatchObject({ key: 'seals/000000000001.json', sequence: 1, statements: 4 });
  expect(await night(0, ['orders', 'customers'])).toEqual(seal);
  const report = await verified(await keyFile(policy.ledger.signingKey));
  expect(report).toMatchObject({
    verdict: 'verified',
    findings: [],
    key: { checked: true },
    examined: { statements: 4 },
  });
});

test('what lies in the ledger cannot be deleted, and its lock can be read', async () => {
  const [statement] = await createLedgerReader({ clients }).listStatements({ policy });
  const where = { Bucket: BUCKET, Key: statement!.key, VersionId: statement!.versionId };
  const { Retention } = await s3.send(new GetObjectRetentionCommand(where));
  expect(Retention!.Mode).toBe('COMPLIANCE');
  const days = (Retention!.RetainUntilDate!.getTime() - Date.parse(statement!.writtenAt)) / 86_400_000;
  expect(days).toBeGreaterThanOrEqual(400);
  await expect(s3.send(new DeleteObjectCommand(where))).rejects.toMatchObject({ name: 'AccessDenied' });
});

test('the time of AWS is that of its own clock, not of this computer', async () => {
  const ledger = createLedgerActivities({ clients });
  const before = Date.parse(await ledger.awsNow({ policy }));
  await fetch(`${aws.adminEndpoint}/clock/advance`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ days: 91 }),
  });
  const after = Date.parse(await ledger.awsNow({ policy }));
  expect((after - before) / 86_400_000).toBeGreaterThanOrEqual(91);
  // The estimate of a worker that was running is 91 days old: the lock must come out long enough all the same.
  const fact = {
    type: 'policy-applied',
    policy: 'sample',
    policySha256: 'ab'.repeat(32),
    resources: ['orders'],
  } as const;
  const ref = await ledger.recordStatement({ policy, scope: 'policy', name: 'applied', fact });
  const where = { Bucket: BUCKET, Key: ref.key, VersionId: ref.versionId };
  const { Retention } = await s3.send(new GetObjectRetentionCommand(where));
  expect((Retention!.RetainUntilDate!.getTime() - after) / 86_400_000).toBeGreaterThanOrEqual(400);
});

test('control planes that write at once, over the wire, make one chain', async () => {
  const seals = await Promise.all([1, 2, 3, 4, 5].map((n) => night(n, [`resource-${n}`])));
  expect(new Set(seals.map(({ sequence }) => sequence)).size).toBe(5);
  expect(await verified()).toMatchObject({ verdict: 'verified', findings: [], examined: { seals: 6 } });
});

/** A control plane of its own: its own connections, its own notion of the time. */
function anotherControlPlane() {
  const config = {
    endpoint: aws.endpoint,
    region: REGION,
    credentials: aws.accounts[VAULT]!,
    forcePathStyle: true,
  };
  const own = { s3: new S3Client(config), kms: new KMSClient(config) };
  const ledger = createLedgerActivities({
    clients: { s3: () => own.s3, kms: () => own.kms, forget: () => undefined },
  });
  return {
    night: async (n: number, resource: string) => {
      const slot = slotOfNight(n);
      for (const fact of [protectionFact(resource, slot), drillFact(resource, slot)])
        await ledger.recordStatement({
          policy,
          scope: `${fact.type}-${resource}-${slot}`,
          name: fact.type,
          slot,
          fact,
        });
      return ledger.sealNight({ policy, slot, night: nightFact([resource], slot) });
    },
    close: () => {
      own.s3.destroy();
      own.kms.destroy();
    },
  };
}

test('two control planes that run the same nights at once write each statement and each seal once, in one chain', async () => {
  const before = await createLedgerReader({ clients }).listSeals({ policy });
  const planes = [anotherControlPlane(), anotherControlPlane()];
  const nights = [20, 21, 22, 23, 24, 25];
  // Both run every night, and the second begins at the other end, so that they meet in all orders.
  const [forwards, backwards] = await Promise.all([
    inTurn(nights, (n) => planes[0]!.night(n, 'orders')),
    inTurn(nights.toReversed(), (n) => planes[1]!.night(n, 'orders')),
  ]);
  expect(backwards.toReversed()).toEqual(forwards);
  const seals = await createLedgerReader({ clients }).listSeals({ policy });
  expect(seals.map(({ sequence }) => sequence)).toEqual(seals.map((_, n) => n + 1));
  expect(seals).toHaveLength(before.length + nights.length);
  expect(seals.slice(before.length).reduce((sum, { statements }) => sum + statements, 0)).toBe(12);
  expect((await verified()).findings).toEqual([]);
  for (const plane of planes) plane.close();
});

async function inTurn<T>(items: readonly number[], work: (item: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

test('a seal holds what key and bucket are set to, as AWS tells it, and the lock of the seal before', async () => {
  const out = mkdtempSync(join(folder, 'settings-'));
  await createLedgerReader({ clients }).exportEvidence({ policy, out });
  const { payload } = decodeEnvelope(readFileSync(join(out, 'seals/000000000002.json')));
  const { predicate } = JSON.parse(payload.toString()) as { predicate: SealPredicate };
  expect(predicate.settings).toMatchObject({
    signingKey: {
      source: policy.ledger.signingKey,
      spec: 'ECC_NIST_P256',
      usage: 'SIGN_VERIFY',
      state: 'Enabled',
      origin: 'AWS_KMS',
    },
    bucket: { objectLock: 'Enabled', versioning: 'Enabled' },
    previousSeal: { mode: 'COMPLIANCE' },
  });
});

test('a delete marker and a forged version change nothing, and are named by the next seal', async () => {
  const reader = createLedgerReader({ clients });
  const [one, two] = await reader.listStatements({ policy, from: '2027-01-01' });
  await s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: one!.key }));
  await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: two!.key, Body: 'forged' }));
  await night(6, ['orders']);
  const report = await verified();
  expect(report).toMatchObject({ verdict: 'verified', findings: [] });
  expect(report.warnings.join('\n')).toContain(`${one!.key}: 1 delete markers`);
  expect(report.warnings.join('\n')).toContain(`${two!.key}: 1 later versions`);
});

test('a new signing key is vouched for by the old one', async () => {
  const old = policy.ledger.signingKey;
  policy = samplePolicy(await newKey());
  await night(7, ['orders']);
  for (const key of [old, policy.ledger.signingKey]) {
    expect(await verified(await keyFile(key))).toMatchObject({ verdict: 'verified', findings: [] });
  }
});

test('a new signing key whose predecessor was disabled seals the night, and the break is there to be seen', async () => {
  const old = policy.ledger.signingKey;
  policy = samplePolicy(await newKey());
  const oldKey = await keyFile(old);
  await kms.send(new DisableKeyCommand({ KeyId: old }));
  const { key } = await night(8, ['orders']);
  expect((await verified(oldKey)).findings).toEqual([
    expect.objectContaining({ code: 'wrong-key', object: key }),
  ]);
  expect(await verified(await keyFile(policy.ledger.signingKey))).toMatchObject({ verdict: 'verified' });
});

test('a key of the wrong kind is refused with what to do', async () => {
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  const wrong = samplePolicy(KeyMetadata!.Arn!);
  await expect(night(9, ['orders'], wrong)).rejects.toMatchObject({
    type: 'LedgerRefused',
    nonRetryable: true,
  });
});

test('fingerprints come back through the store of the prober', async () => {
  const store = createFingerprintStore(clients);
  const key = 'fingerprints/orders/before';
  expect(await store.find(policy, key)).toBeNull();
  const stored = await store.put(policy, key, Buffer.from('digests'));
  expect(await store.find(policy, key)).toEqual(stored);
  expect(Buffer.from(await store.get(policy, stored)).toString()).toBe('digests');
  await expect(store.get(policy, { ...stored, versionId: 'no-such-version' })).rejects.toMatchObject({
    type: 'FingerprintMissing',
  });
});

test('a bucket of another account is refused', async () => {
  const foreign = {
    ...policy,
    accounts: { ...policy.accounts, vault: { ...policy.accounts.vault, id: '999999999999' } },
  };
  await expect(night(10, ['orders'], foreign)).rejects.toMatchObject({ type: 'PermissionMissing' });
});
