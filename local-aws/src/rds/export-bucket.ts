import { Readable } from 'node:stream';
import type { Platform } from '../platform.ts';
import type { S3Service } from '../s3/service.ts';
import type { Call } from '../wire/handlers.ts';
import type { ExportRecord } from './export-records.ts';

export const EXPORT_SERVICE = 'export.rds.amazonaws.com';

/** What exports need of S3. */
export type ExportStorage = Pick<S3Service, 'store' | 'operations'>;

/** Something outside the database keeps the export from going on: the whole task fails. */
export class ExportFailure extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ExportFailure';
  }
}

/** Writes the files of one export, in the name of its role and under its key, as S3 lets it. */
export class ExportBucket {
  readonly #platform: Platform;
  readonly #storage: ExportStorage;
  readonly #task: ExportRecord;

  constructor(platform: Platform, storage: ExportStorage, task: ExportRecord) {
    this.#platform = platform;
    this.#storage = storage;
    this.#task = task;
  }

  /**
   * @param name below the folder of the task
   * @returns bytes written
   * @throws ExportFailure; what the body itself throws comes through unchanged
   */
  async put(name: string, body: string | AsyncGenerator<Uint8Array>): Promise<number> {
    const { bucket, kmsKeyArn } = this.#task;
    this.#requireKey();
    const broken: { cause?: unknown } = {};
    const content =
      typeof body === 'string' ? Readable.from([Buffer.from(body)]) : Readable.from(noting(body, broken));
    const Key = `${folderOf(this.#task)}${name}`;
    const input = { Bucket: bucket, Key, Body: content };
    try {
      const put = this.#storage.operations.PutObject;
      if (!put) throw new Error('S3 here has no PutObject.');
      const { VersionId = 'null' } = await put(input, this.#call('PutObject'));
      const version = this.#storage.store.find(bucket, Key, VersionId);
      if (!version || version.marker) throw new Error(`${Key} vanished while it was being written.`);
      // The starter's grant lets RDS use the key for this; the role itself needs no right to it.
      const encryption = { ...version.encryption, algorithm: 'aws:kms', kmsKeyArn } as const;
      await this.#storage.store.update({ ...version, encryption });
      return version.size;
    } catch (cause) {
      if ('cause' in broken) throw broken.cause;
      content.destroy();
      throw new ExportFailure(
        `The export could not write s3://${bucket}/${Key}: ${cause instanceof Error ? cause.message : String(cause)}`,
        cause,
      );
    }
  }

  #requireKey(): void {
    const state = this.#platform.keys.describe(this.#task.kmsKeyArn, this.#task)?.state;
    if (state !== 'Enabled')
      throw new ExportFailure(
        `The KMS key ${this.#task.kmsKeyArn} cannot be used: it is ${state ?? 'gone'}.`,
      );
  }

  #call(operation: string): Call {
    const { roleArn, region } = this.#task;
    const call = this.#platform.roles.callAs(roleArn, region, 's3', operation);
    if (!call) throw new ExportFailure(`The IAM role ${roleArn} no longer exists.`);
    return call;
  }
}

/** `<prefix>/<task>/`, as all names of the task begin. */
export function folderOf({ prefix, id }: Pick<ExportRecord, 'prefix' | 'id'>): string {
  return prefix === '' ? `${id}/` : `${prefix}/${id}/`;
}

/** Remembers that it was the source that failed, and not whoever reads it. */
async function* noting(
  body: AsyncGenerator<Uint8Array>,
  broken: { cause?: unknown },
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    broken.cause = cause;
    throw cause;
  }
}
