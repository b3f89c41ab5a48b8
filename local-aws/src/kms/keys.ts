import {
  createCipheriv,
  createDecipheriv,
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  type KeyObject,
  createPrivateKey,
} from 'node:crypto';
import type { Clock, KeyDescription, KeyState, Place, Table } from '../platform.ts';

/** One KMS key. Secret material stays in the state directory, in files of mode 0600. */
export interface KeyRecord extends Place {
  readonly keyId: string;
  readonly arn: string;
  readonly manager: 'AWS' | 'CUSTOMER';
  readonly spec: 'SYMMETRIC_DEFAULT' | 'ECC_NIST_P256';
  readonly usage: 'ENCRYPT_DECRYPT' | 'SIGN_VERIFY';
  readonly description: string;
  readonly enabled: boolean;
  readonly createdAt: string;
  /** Simulated time, RFC 3339; set while deletion is pending. */
  readonly deletionAt: string | undefined;
  readonly policy: string;
  readonly tags: readonly { readonly TagKey: string; readonly TagValue: string }[];
  /** Base64 of 32 bytes, or a PKCS #8 PEM. */
  readonly material: string;
  readonly rotation: boolean;
}

export interface AliasRecord extends Place {
  readonly name: string;
  readonly keyId: string;
  readonly createdAt: string;
}

export interface KeyRing {
  /** By ARN, id, alias or alias ARN; ids and aliases are those of `where`. */
  find(reference: string, where: Place): KeyRecord | undefined;
  list(where: Place): KeyRecord[];
  put(key: KeyRecord): Promise<void>;
  create(where: Place, spec: NewKey): Promise<KeyRecord>;
  managed(service: string, where: Place): Promise<KeyRecord>;
  readonly aliases: Table<AliasRecord>;
  /** Destroys keys whose waiting period is over. */
  sweep(): Promise<void>;
}

export interface NewKey {
  readonly spec: KeyRecord['spec'];
  readonly usage: KeyRecord['usage'];
  readonly description: string;
  readonly policy: string | undefined;
  readonly tags: KeyRecord['tags'];
  readonly manager: KeyRecord['manager'];
}

export function aliasKey({ accountId, region }: Place, name: string): string {
  return `${accountId}/${region}/${name}`;
}

export function createKeyRing(keys: Table<KeyRecord>, aliases: Table<AliasRecord>, clock: Clock): KeyRing {
  const beingMade = new Map<string, Promise<KeyRecord>>();
  const ring: KeyRing = {
    aliases,
    find(reference, where) {
      const place = reference.startsWith('arn:') ? placeOf(reference) : where;
      const local = reference.startsWith('arn:') ? reference.split(':').slice(5).join(':') : reference;
      if (local.startsWith('alias/')) {
        const alias = aliases.get(aliasKey(place, local));
        return alias && keys.get(keyKey(place, alias.keyId));
      }
      return keys.get(keyKey(place, local.replace(/^key\//, '')));
    },
    list: ({ accountId, region }) =>
      [...keys.values()].filter((key) => key.accountId === accountId && key.region === region),
    put: (key) => keys.put(keyKey(key, key.keyId), key),
    async create(where, spec) {
      const keyId = randomUUID();
      const { accountId, region } = where;
      const key: KeyRecord = {
        accountId,
        region,
        keyId,
        arn: `arn:aws:kms:${region}:${accountId}:key/${keyId}`,
        manager: spec.manager,
        spec: spec.spec,
        usage: spec.usage,
        description: spec.description,
        enabled: true,
        createdAt: clock.now().toISOString(),
        deletionAt: undefined,
        policy: spec.policy ?? defaultKeyPolicy(accountId),
        tags: spec.tags,
        material: spec.spec === 'SYMMETRIC_DEFAULT' ? randomBytes(32).toString('base64') : newSigningKey(),
        rotation: false,
      };
      await ring.put(key);
      return key;
    },
    async managed(service, where) {
      const name = aliasKey(where, `alias/aws/${service}`);
      const known = ring.find(`alias/aws/${service}`, where);
      if (known) return known;
      let making = beingMade.get(name);
      if (!making) {
        making = makeManaged(ring, service, where, clock).finally(() => beingMade.delete(name));
        beingMade.set(name, making);
      }
      return making;
    },
    async sweep() {
      const now = clock.now().toISOString();
      const due = [...keys.values()].filter(
        ({ deletionAt }) => deletionAt !== undefined && deletionAt <= now,
      );
      for (const key of due) {
        for (const [id, alias] of aliases.entries()) if (alias.keyId === key.keyId) await aliases.remove(id);
        await keys.remove(keyKey(key, key.keyId));
      }
    },
  };
  return ring;
}

async function makeManaged(ring: KeyRing, service: string, where: Place, clock: Clock): Promise<KeyRecord> {
  const key = await ring.create(where, {
    spec: 'SYMMETRIC_DEFAULT',
    usage: 'ENCRYPT_DECRYPT',
    description: `Default key that protects my ${service} data when no other key is defined`,
    policy: undefined,
    tags: [],
    manager: 'AWS',
  });
  const name = `alias/aws/${service}`;
  await ring.aliases.put(aliasKey(where, name), {
    accountId: where.accountId,
    region: where.region,
    name,
    keyId: key.keyId,
    createdAt: clock.now().toISOString(),
  });
  return key;
}

export function defaultKeyPolicy(accountId: string): string {
  const Principal = { AWS: `arn:aws:iam::${accountId}:root` };
  return JSON.stringify({
    Version: '2012-10-17',
    Id: 'key-default-1',
    Statement: [
      { Sid: 'Enable IAM User Permissions', Effect: 'Allow', Principal, Action: 'kms:*', Resource: '*' },
    ],
  });
}

export function stateOf(key: KeyRecord): KeyState {
  if (key.deletionAt !== undefined) return 'PendingDeletion';
  return key.enabled ? 'Enabled' : 'Disabled';
}

export function describeKey(key: KeyRecord): KeyDescription {
  const { arn, keyId, manager, accountId, region, spec, usage } = key;
  return { arn, keyId, manager, accountId, region, spec, usage, state: stateOf(key) };
}

function keyKey({ accountId, region }: Place, keyId: string): string {
  return `${accountId}/${region}/${keyId}`;
}

function placeOf(arn: string): Place {
  const [, , , region = '', accountId = ''] = arn.split(':');
  return { accountId, region };
}

function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export function signingKey(key: KeyRecord): KeyObject {
  return createPrivateKey(key.material);
}

const MAGIC = Buffer.from('LAK1');

/** Ciphertext: magic, length of the key ARN, the ARN, nonce, tag, data. The context is authenticated, not stored. */
export function seal(
  key: KeyRecord,
  plaintext: Uint8Array,
  context: Readonly<Record<string, string>> | undefined,
): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key.material, 'base64'), nonce);
  cipher.setAAD(contextBytes(context));
  const data = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const arn = Buffer.from(key.arn);
  const length = Buffer.from([arn.length]);
  return Buffer.concat([MAGIC, length, arn, nonce, cipher.getAuthTag(), data]);
}

/** The key's ARN, readable without the key. Undefined when this is no ciphertext of ours. */
export function keyArnIn(ciphertext: Uint8Array): string | undefined {
  const bytes = Buffer.from(ciphertext);
  if (bytes.length < 5 || !bytes.subarray(0, 4).equals(MAGIC)) return undefined;
  return bytes.toString('utf8', 5, 5 + (bytes[4] ?? 0));
}

/** @throws when key, data or context are not those of `seal`. */
export function unseal(
  key: KeyRecord,
  ciphertext: Uint8Array,
  context: Readonly<Record<string, string>> | undefined,
): Buffer {
  const bytes = Buffer.from(ciphertext);
  const start = 5 + (bytes[4] ?? 0);
  const decipher = createDecipheriv(
    'aes-256-gcm',
    Buffer.from(key.material, 'base64'),
    bytes.subarray(start, start + 12),
  );
  decipher.setAAD(contextBytes(context));
  decipher.setAuthTag(bytes.subarray(start + 12, start + 28));
  return Buffer.concat([decipher.update(bytes.subarray(start + 28)), decipher.final()]);
}

function contextBytes(context: Readonly<Record<string, string>> = {}): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))));
}
