import { createPrivateKey, randomBytes, randomUUID, type KeyObject } from 'node:crypto';
import { newMaterial, type KeySpec, type KeyUsage } from './specs.ts';
import type { Clock, KeyDescription, KeyState, Place, Table } from '../platform.ts';

/** One KMS key. Secret material stays in the state directory, in files of mode 0600. */
export interface KeyRecord extends Place {
  readonly keyId: string;
  readonly arn: string;
  readonly manager: 'AWS' | 'CUSTOMER';
  readonly spec: KeySpec;
  readonly usage: KeyUsage;
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
  /** Of automatic rotation; 365 where absent. */
  readonly rotationDays?: number;
  /** Simulated time of the next automatic rotation. */
  readonly nextRotationAt?: string | undefined;
  /** Materials before the present one, newest first: what they encrypted still decrypts. */
  readonly retired?: readonly RetiredMaterial[];
  /** Region of the primary key, for multi-Region keys. */
  readonly primaryRegion?: string | undefined;
}

export interface RetiredMaterial {
  readonly material: string;
  /** When it was replaced. */
  readonly rotatedAt: string;
  readonly cause: 'AUTOMATIC' | 'ON_DEMAND';
}

/** A right on one key, given without touching its policy. */
export interface GrantRecord extends Place {
  readonly id: string;
  readonly keyId: string;
  readonly name: string | undefined;
  readonly token: string;
  readonly grantee: string;
  readonly retiring: string | undefined;
  readonly issuer: string;
  readonly operations: readonly string[];
  readonly equals: Readonly<Record<string, string>> | undefined;
  readonly subset: Readonly<Record<string, string>> | undefined;
  readonly createdAt: string;
}

export interface AliasRecord extends Place {
  readonly name: string;
  readonly keyId: string;
  readonly createdAt: string;
  readonly updatedAt?: string;
}

export interface KeyRing {
  /** By ARN, id, alias or alias ARN; ids and aliases are those of `where`. */
  find(reference: string, where: Place): KeyRecord | undefined;
  list(where: Place): KeyRecord[];
  put(key: KeyRecord): Promise<void>;
  create(where: Place, spec: NewKey): Promise<KeyRecord>;
  managed(service: string, where: Place): Promise<KeyRecord>;
  readonly aliases: Table<AliasRecord>;
  readonly grants: Table<GrantRecord>;
  grantsOn(key: KeyRecord): GrantRecord[];
  /** New material for the key and its replicas; what was encrypted before still decrypts. */
  rotate(key: KeyRecord, cause: RetiredMaterial['cause']): Promise<void>;
  /** The same key in other regions. */
  replicasOf(key: KeyRecord): KeyRecord[];
  /** Destroys keys whose waiting period is over, and rotates those that are due. */
  sweep(): Promise<void>;
}

export interface NewKey {
  readonly spec: KeyRecord['spec'];
  readonly usage: KeyRecord['usage'];
  readonly description: string;
  readonly policy: string | undefined;
  readonly tags: KeyRecord['tags'];
  readonly manager: KeyRecord['manager'];
  readonly multiRegion?: boolean;
}

const DAY_MS = 86_400_000;

export function aliasKey({ accountId, region }: Place, name: string): string {
  return `${accountId}/${region}/${name}`;
}

export function createKeyRing(
  keys: Table<KeyRecord>,
  aliases: Table<AliasRecord>,
  grants: Table<GrantRecord>,
  clock: Clock,
): KeyRing {
  const beingMade = new Map<string, Promise<KeyRecord>>();
  const ring: KeyRing = {
    aliases,
    grants,
    grantsOn: ({ accountId, region, keyId }) =>
      [...grants.values()].filter(
        (grant) => grant.keyId === keyId && grant.accountId === accountId && grant.region === region,
      ),
    replicasOf: (key) =>
      key.primaryRegion === undefined
        ? []
        : [...keys.values()].filter(
            (each) =>
              each.keyId === key.keyId && each.accountId === key.accountId && each.region !== key.region,
          ),
    async rotate(key, cause) {
      const material = await newMaterial(key.spec);
      const rotatedAt = clock.now().toISOString();
      await Promise.all(
        [key, ...ring.replicasOf(key)].map((each) =>
          ring.put({
            ...each,
            material,
            retired: [{ material: each.material, rotatedAt, cause }, ...(each.retired ?? [])],
            ...(cause === 'AUTOMATIC' ? { nextRotationAt: afterDays(clock, each.rotationDays ?? 365) } : {}),
          }),
        ),
      );
    },
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
      const multi = spec.multiRegion === true;
      const keyId = multi ? `mrk-${randomBytes(16).toString('hex')}` : randomUUID();
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
        material: await newMaterial(spec.spec),
        rotation: spec.manager === 'AWS',
        ...(spec.manager === 'AWS' ? { nextRotationAt: afterDays(clock, 365) } : {}),
        ...(multi ? { primaryRegion: region } : {}),
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
        const here = (each: Place & { keyId: string }): boolean =>
          each.keyId === key.keyId && each.region === key.region && each.accountId === key.accountId;
        for (const [id, alias] of [...aliases.entries()]) if (here(alias)) await aliases.remove(id);
        for (const [id, grant] of [...grants.entries()]) if (here(grant)) await grants.remove(id);
        await keys.remove(keyKey(key, key.keyId));
      }
      const isDue = ({ rotation, nextRotationAt, enabled, region, primaryRegion }: KeyRecord): boolean =>
        rotation && enabled && (nextRotationAt ?? '9') <= now && (primaryRegion ?? region) === region;
      for (const key of [...keys.values()].filter(isDue)) await ring.rotate(key, 'AUTOMATIC');
    },
  };
  return ring;
}

async function makeManaged(ring: KeyRing, service: string, where: Place, clock: Clock): Promise<KeyRecord> {
  const key = await ring.create(where, {
    spec: 'SYMMETRIC_DEFAULT',
    usage: 'ENCRYPT_DECRYPT',
    description: `Default key that protects my ${service} data when no other key is defined`,
    policy: managedKeyPolicy(service, where),
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

/** AWS managed keys are used through their service alone; the account may look at them. */
function managedKeyPolicy(service: string, { accountId, region }: Place): string {
  const use = [
    'Encrypt',
    'Decrypt',
    'ReEncrypt*',
    'GenerateDataKey*',
    'CreateGrant',
    'ListGrants',
    'DescribeKey',
  ];
  const look = ['Describe*', 'Get*', 'List*', 'RevokeGrant'];
  return JSON.stringify({
    Version: '2012-10-17',
    Id: `auto-${service}-2`,
    Statement: [
      {
        Sid: `Allow access through ${service} for all principals in the account that are authorized to use ${service}`,
        Effect: 'Allow',
        Principal: { AWS: '*' },
        Action: use.map((action) => `kms:${action}`),
        Resource: '*',
        Condition: {
          StringEquals: {
            'kms:CallerAccount': accountId,
            'kms:ViaService': `${service}.${region}.amazonaws.com`,
          },
        },
      },
      {
        Sid: 'Allow direct access to key metadata to the account',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${accountId}:root` },
        Action: look.map((action) => `kms:${action}`),
        Resource: '*',
      },
    ],
  });
}

export function afterDays(clock: Clock, days: number): string {
  return new Date(clock.now().getTime() + days * DAY_MS).toISOString();
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

export function signingKey(key: KeyRecord): KeyObject {
  return createPrivateKey(key.material);
}
