import {
  GetObjectCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Ledger } from '../../activities/ledger/index.ts';

interface Version {
  readonly versionId: string;
  readonly body: Buffer;
  readonly at: Date;
  marker: boolean;
  mode?: string;
  until?: Date;
}

/** A versioned bucket with Object Lock in memory: just what the ledger asks of S3, with a clock that tests can move. */
export interface FakeBucket {
  readonly ledger: Ledger;
  now: Date;
  /** Keys per page of a listing; S3 has 1000. */
  pageSize: number;
  /** Runs before every call; may throw or wait. */
  before: (command: object) => Promise<void>;
  readonly versions: Map<string, Version[]>;
  put(key: string, body: Buffer | string): void;
  hide(key: string): void;
}

export function fakeBucket(keepSeconds = 400 * 86_400): FakeBucket {
  const versions = new Map<string, Version[]>();
  let count = 0;
  const bucket: FakeBucket = {
    ledger: {
      s3: { send: (command: object) => send(command) } as unknown as S3Client,
      bucket: 'ledger',
      region: 'us-east-1',
      owner: '222222222222',
      keepSeconds,
    },
    now: new Date('2026-11-21T02:30:00Z'),
    pageSize: 1000,
    before: async () => undefined,
    versions,
    put: (key, body) => void add(key, Buffer.from(body)),
    hide: (key) => void (add(key, Buffer.alloc(0)).marker = true),
  };

  function add(key: string, body: Buffer): Version {
    count += 1;
    const version: Version = {
      versionId: `v${String(count)}`,
      body,
      at: wholeSecond(bucket.now),
      marker: false,
    };
    versions.set(key, [version, ...(versions.get(key) ?? [])]);
    return version;
  }

  async function send(command: object): Promise<unknown> {
    await bucket.before(command);
    if (command instanceof PutObjectCommand) return putObject(command);
    if (command instanceof ListObjectVersionsCommand) return list(command);
    if (command instanceof HeadObjectCommand) return { LastModified: one(command.input).at };
    if (command instanceof GetObjectCommand) {
      const { body } = one(command.input);
      return { Body: { transformToByteArray: async () => new Uint8Array(body) } };
    }
    if (command instanceof GetObjectRetentionCommand) {
      const { mode, until } = one(command.input);
      if (mode === undefined) throw refusal('NoSuchObjectLockConfiguration');
      return { Retention: { Mode: mode, RetainUntilDate: until } };
    }
    if (command instanceof PutObjectRetentionCommand) {
      const version = one(command.input);
      const { Mode, RetainUntilDate } = command.input.Retention ?? {};
      if (version.until !== undefined && RetainUntilDate! < version.until) throw refusal('AccessDenied');
      Object.assign(version, { mode: Mode, until: RetainUntilDate });
      return {};
    }
    throw new Error(`the fake bucket does not know ${command.constructor.name}`);
  }

  function putObject({ input }: PutObjectCommand): object {
    const current = versions.get(input.Key!)?.[0];
    if (input.IfNoneMatch === '*' && current !== undefined && !current.marker)
      throw refusal('PreconditionFailed');
    const version = add(input.Key!, Buffer.from(input.Body as Uint8Array));
    if (input.ObjectLockMode !== undefined) {
      Object.assign(version, { mode: input.ObjectLockMode, until: input.ObjectLockRetainUntilDate });
    }
    return { VersionId: version.versionId };
  }

  function one({ Key, VersionId }: { Key: string | undefined; VersionId?: string | undefined }): Version {
    const all = versions.get(Key!) ?? [];
    const found = VersionId === undefined ? all[0] : all.find(({ versionId }) => versionId === VersionId);
    if (found === undefined || found.marker) throw refusal('NoSuchKey');
    return found;
  }

  /** Pages by version, as S3 does: the versions of one key may lie on two pages. */
  function list({ input }: ListObjectVersionsCommand): object {
    const { Prefix = '', KeyMarker, VersionIdMarker, Delimiter } = input;
    if (Delimiter !== undefined) {
      const below = [...versions.keys()].filter((key) => key.startsWith(Prefix));
      const folders = new Set(
        below.map((key) => key.slice(0, key.indexOf(Delimiter, Prefix.length) + 1)).sort(),
      );
      return { IsTruncated: false, CommonPrefixes: [...folders].map((folder) => ({ Prefix: folder })) };
    }
    const all = [...versions]
      .filter(([key]) => key.startsWith(Prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([key, list]) => list.map((version, at) => ({ key, version, IsLatest: at === 0 })));
    const from = all.findIndex(({ key }, at) => {
      if (KeyMarker === undefined) return true;
      if (VersionIdMarker === undefined) return key > KeyMarker;
      const previous = all[at - 1];
      return (
        key > KeyMarker || (previous?.key === KeyMarker && previous.version.versionId === VersionIdMarker)
      );
    });
    const rest = from === -1 ? [] : all.slice(from);
    const page = rest.slice(0, bucket.pageSize);
    const last = page.at(-1);
    const entry = ({ key, version: { versionId, at, body } }: (typeof all)[number]): object => ({
      Key: key,
      VersionId: versionId,
      LastModified: at,
      Size: body.length,
    });
    const lists = [
      page.filter(({ version }) => !version.marker),
      page.filter(({ version }) => version.marker),
    ] as const;
    return {
      IsTruncated: rest.length > page.length,
      ...(lists[0].length > 0 ? { Versions: lists[0].map(entry) } : {}),
      ...(lists[1].length > 0 ? { DeleteMarkers: lists[1].map(entry) } : {}),
      ...(rest.length > page.length
        ? { NextKeyMarker: last?.key, NextVersionIdMarker: last?.version.versionId }
        : {}),
    };
  }

  return bucket;
}

function wholeSecond(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}

function refusal(name: string): S3ServiceException {
  return new S3ServiceException({
    name,
    message: name,
    $fault: 'client',
    $metadata: { httpStatusCode: 400 },
  });
}
