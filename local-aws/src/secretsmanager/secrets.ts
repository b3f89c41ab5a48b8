import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock, KeyAccess, Place, SecretAccess, Table } from '../platform.ts';

export interface SecretRecord extends Place {
  readonly arn: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly kmsKeyId: string | undefined;
  readonly createdAt: string;
  readonly changedAt: string;
  /** Simulated time; set while the recovery window runs. */
  readonly deletedAt: string | undefined;
  readonly tags: readonly { readonly Key: string; readonly Value: string }[];
  /** Newest first: AWSCURRENT, then AWSPREVIOUS. */
  readonly versions: readonly SecretVersion[];
  readonly owningService: string | undefined;
  /** JSON text; absent: none. */
  readonly policy?: string | undefined;
}

export interface SecretVersion {
  readonly id: string;
  readonly text: string | undefined;
  /** Base64. */
  readonly binary: string | undefined;
  readonly createdAt: string;
}

export interface SecretStore {
  /** By ARN, partial ARN without the random suffix, or name. */
  find(reference: string, where: Place): SecretRecord | undefined;
  list(where: Place): SecretRecord[];
  put(secret: SecretRecord): Promise<void>;
  remove(secret: SecretRecord): Promise<void>;
  create(where: Place, name: string, fields: Partial<SecretRecord>): SecretRecord;
  sweep(): Promise<void>;
}

const keyOf = ({ accountId, region }: Place, name: string): string => `${accountId}/${region}/${name}`;

export function createSecretStore(table: Table<SecretRecord>, clock: Clock): SecretStore {
  return {
    find(reference, where) {
      if (!reference.startsWith('arn:')) return table.get(keyOf(where, reference));
      const [, , , region = '', accountId = ''] = reference.split(':');
      const id = reference.split(':').slice(6).join(':');
      const withoutSuffix = id.replace(/-[A-Za-z0-9]{6}$/, '');
      const found =
        table.get(keyOf({ accountId, region }, withoutSuffix)) ?? table.get(keyOf({ accountId, region }, id));
      return found && (found.arn === reference || found.name === id) ? found : undefined;
    },
    list: ({ accountId, region }) =>
      [...table.values()].filter((secret) => secret.accountId === accountId && secret.region === region),
    put: (secret) => table.put(keyOf(secret, secret.name), secret),
    remove: (secret) => table.remove(keyOf(secret, secret.name)),
    create(where, name, fields) {
      const suffix = randomBytes(3).toString('hex');
      const { accountId, region } = where;
      const now = clock.now().toISOString();
      return {
        accountId,
        region,
        name,
        arn: `arn:aws:secretsmanager:${region}:${accountId}:secret:${name}-${suffix}`,
        description: undefined,
        kmsKeyId: undefined,
        createdAt: now,
        changedAt: now,
        deletedAt: undefined,
        tags: [],
        versions: [],
        owningService: undefined,
        ...fields,
      };
    },
    async sweep() {
      const now = clock.now().toISOString();
      for (const secret of [...table.values()]) {
        if (secret.deletedAt !== undefined && secret.deletedAt <= now)
          await table.remove(keyOf(secret, secret.name));
      }
    },
  };
}

export function newVersion(
  clock: Clock,
  text: string | undefined,
  binary: string | undefined,
  id: string = randomUUID(),
): SecretVersion {
  return { id, text, binary, createdAt: clock.now().toISOString() };
}

/** Master secrets that RDS keeps: same store, owned by the service. */
export function createSecretAccess(store: SecretStore, keys: KeyAccess, clock: Clock): SecretAccess {
  const whereOf = (arn: string): Place => ({
    region: arn.split(':')[3] ?? '',
    accountId: arn.split(':')[4] ?? '',
  });
  return {
    async putManaged(accountId, region, name, value, kmsKeyArn) {
      const where = { accountId, region };
      const kmsKeyId = kmsKeyArn ?? (await keys.managed('secretsmanager', where)).arn;
      const known = store.find(name, where);
      const secret = known ?? store.create(where, name, { owningService: name.split('!')[0], kmsKeyId });
      const versions = [newVersion(clock, JSON.stringify(value), undefined), ...secret.versions].slice(0, 2);
      await store.put({ ...secret, kmsKeyId, versions, changedAt: clock.now().toISOString() });
      return secret.arn;
    },
    read(arn) {
      return store.find(arn, whereOf(arn))?.versions[0]?.text;
    },
    async delete(arn) {
      const secret = store.find(arn, whereOf(arn));
      if (secret) await store.remove(secret);
    },
  };
}
