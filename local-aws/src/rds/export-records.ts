import type { Place } from '../platform.ts';

export type ExportStatus = 'STARTING' | 'IN_PROGRESS' | 'COMPLETE' | 'FAILED' | 'CANCELING' | 'CANCELED';

/** One export task. JSON: instants are RFC 3339 text. There is no deletion: an identifier is used up for good. */
export interface ExportRecord extends Place {
  readonly id: string;
  readonly sourceArn: string;
  readonly sourceType: 'SNAPSHOT' | 'CLUSTER';
  readonly exportOnly: readonly string[];
  /** When the data were cut. */
  readonly snapshotTime?: string | undefined;
  readonly askedAt: string;
  readonly startedAt?: string | undefined;
  readonly endedAt?: string | undefined;
  readonly bucket: string;
  /** Without slashes at its ends; empty for none. */
  readonly prefix: string;
  readonly roleArn: string;
  readonly kmsKeyArn: string;
  readonly status: ExportStatus;
  readonly percent: number;
  /** Bytes of the tables read. */
  readonly extractedBytes: number;
  readonly failure?: string | undefined;
  /** JSON: which tables were left out, and why. */
  readonly warning?: string | undefined;
}

/** What became of one table. */
export interface TableOutcome {
  /** `database.schema.table` */
  readonly target: string;
  readonly status: 'COMPLETE' | 'SKIPPED';
  readonly reason?: string | undefined;
  readonly columns: readonly ColumnMapping[];
  readonly bytes: number;
  readonly parts: number;
  readonly startedAt: string;
  readonly endedAt: string;
}

export interface ColumnMapping {
  readonly columnName: string;
  /** As information_schema names it. */
  readonly originalType: string;
  readonly expectedExportedType: string;
  readonly originalCharMaxLength: number;
  readonly originalNumPrecision: number;
  readonly originalDateTimePrecision: number;
}
