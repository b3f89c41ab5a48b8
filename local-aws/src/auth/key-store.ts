import { randomBytes } from 'node:crypto';
import type { Table } from '../platform.ts';
import type { SessionFacts } from '../wire/handlers.ts';

export interface AccountSpec {
  /** Twelve digits. */
  readonly id: string;
  readonly name: string;
}

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Everything known about one access key: of an account's administrator, of a user, or of one session. */
export interface Credential extends AccessKey {
  readonly accountId: string;
  readonly principalArn: string;
  /** Present for sessions; must come with each request. */
  readonly sessionToken?: string;
  /** Real time, RFC 3339. */
  readonly expiresAt?: string;
  readonly sessionPolicy?: string;
  readonly roleArn?: string;
  readonly session?: SessionFacts;
  /** A user's key that was switched off; absent means active. */
  readonly inactive?: boolean;
  /** Of users' keys. */
  readonly createdAt?: string;
}

export interface KeyStore {
  find(accessKeyId: string): Credential | undefined;
  addSession(
    session: Omit<Credential, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'> & { expiresAt: string },
  ): Promise<Credential & { sessionToken: string }>;
  /** A user's long-term key. */
  addUserKey(accountId: string, principalArn: string, createdAt: string): Promise<Credential>;
  /** Long-term keys of a user, oldest first. */
  keysOf(principalArn: string): Credential[];
  put(credential: Credential): Promise<void>;
  remove(accessKeyId: string): Promise<void>;
  /** Lets sessions end at once (all, or one role's); resolves to how many. Their callers hear ExpiredToken. */
  expireSessions(realNow: Date, roleArn?: string): Promise<number>;
  /** Makes an administrator for each account that has none; existing keys stay as they are. */
  ensureAccounts(accounts: readonly AccountSpec[]): Promise<void>;
  readonly accounts: () => (AccountSpec & { key: AccessKey })[];
}

interface AccountRecord extends AccountSpec {
  readonly accessKeyId: string;
}

export const administratorArn = (accountId: string): string => `arn:aws:iam::${accountId}:user/administrator`;

const FORGET_EXPIRED_AFTER_MS = 3_600_000;

export function createKeyStore(credentials: Table<Credential>, accounts: Table<AccountRecord>): KeyStore {
  return {
    find: (accessKeyId) => credentials.get(accessKeyId),
    async addSession(session) {
      await forgetExpired(credentials);
      const credential = {
        ...session,
        ...newKey('ASIA'),
        sessionToken: `local${randomBytes(96).toString('base64')}`,
      };
      await credentials.put(credential.accessKeyId, credential);
      return credential;
    },
    async addUserKey(accountId, principalArn, createdAt) {
      const credential = { ...newKey('AKIA'), accountId, principalArn, createdAt };
      await credentials.put(credential.accessKeyId, credential);
      return credential;
    },
    keysOf: (principalArn) =>
      [...credentials.values()].filter(
        (credential) => credential.principalArn === principalArn && credential.sessionToken === undefined,
      ),
    put: (credential) => credentials.put(credential.accessKeyId, credential),
    remove: (accessKeyId) => credentials.remove(accessKeyId),
    async expireSessions(realNow, roleArn) {
      const now = realNow.toISOString();
      const living = [...credentials.values()].filter(
        ({ expiresAt, roleArn: role }) =>
          expiresAt !== undefined && expiresAt > now && (roleArn === undefined || role === roleArn),
      );
      await Promise.all(
        living.map((session) => credentials.put(session.accessKeyId, { ...session, expiresAt: now })),
      );
      return living.length;
    },
    async ensureAccounts(wanted) {
      for (const { id, name } of wanted) {
        if (!/^\d{12}$/.test(id)) throw new Error(`Account id '${id}' must have twelve digits.`);
        const known = accounts.get(id);
        if (known && credentials.has(known.accessKeyId)) {
          if (known.name !== name) await accounts.put(id, { ...known, name });
          continue;
        }
        const key = newKey('AKIA');
        await credentials.put(key.accessKeyId, { ...key, accountId: id, principalArn: administratorArn(id) });
        await accounts.put(id, { id, name, accessKeyId: key.accessKeyId });
      }
    },
    accounts: () =>
      [...accounts.values()].map(({ id, name, accessKeyId }) => {
        const credential = credentials.get(accessKeyId);
        if (!credential)
          throw new Error(`The administrator key of account ${id} is missing from the key store.`);
        return { id, name, key: { accessKeyId, secretAccessKey: credential.secretAccessKey } };
      }),
  };
}

function newKey(prefix: 'AKIA' | 'ASIA'): AccessKey {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const id = [...randomBytes(16)].map((byte) => alphabet.charAt(byte % alphabet.length)).join('');
  return { accessKeyId: prefix + id, secretAccessKey: randomBytes(30).toString('base64') };
}

/** Expired sessions stay known for an hour, so that their callers hear ExpiredToken and not InvalidClientTokenId. */
async function forgetExpired(credentials: Table<Credential>): Promise<void> {
  const limit = Date.now() - FORGET_EXPIRED_AFTER_MS;
  const old = [...credentials.values()].filter(
    ({ expiresAt }) => expiresAt !== undefined && Date.parse(expiresAt) < limit,
  );
  await Promise.all(old.map(({ accessKeyId }) => credentials.remove(accessKeyId)));
}
