export type FindingCode =
  /** A file that a seal or the checksum list names is not there. */
  | 'missing'
  /** A file that nothing names. */
  | 'extra'
  /** Bytes are not those that were sealed or listed. */
  | 'changed'
  | 'malformed'
  | 'bad-signature'
  /** Signed, but not by a key that may. */
  | 'wrong-key'
  /** A seal is missing between two others, or at an end that the export itself names. */
  | 'gap'
  /** Two signed histories: a seal continues another seal than the one that lies before it. */
  | 'fork'
  /** An object lies in the place of another. */
  | 'reordered'
  | 'listed-twice'
  | 'clock-backwards'
  | 'slot-without-end'
  /** A slot is called passed, and no sealed statement shows it; or counts that do not reconcile. */
  | 'unproven';

export interface VerifyFinding {
  readonly code: FindingCode;
  /** The file, relative to the export. */
  readonly object: string;
  readonly message: string;
}

export interface VerifyReport {
  readonly verdict: 'verified' | 'not-verified' | 'could-not-check';
  readonly exitCode: 0 | 1 | 2;
  readonly findings: readonly VerifyFinding[];
  /** Recorded by the ledger itself: evidence that somebody or something touched it. They do not make sealed bytes less true. */
  readonly warnings: readonly string[];
  /** What this verification cannot say, in sentences. */
  readonly notChecked: readonly string[];
  readonly key: { readonly checked: boolean; readonly keyids: readonly string[] };
  readonly examined: {
    readonly seals: number;
    readonly firstSeal: number | null;
    readonly lastSeal: number | null;
    /** SHA-256 of the last seal: keep it, and the next verification can start from it. */
    readonly lastSealSha256: string | null;
    readonly from: string | null;
    readonly to: string | null;
    readonly statements: number;
    readonly slots: number;
  };
}

/** Findings shown before the rest is only counted; all of them are in the JSON. */
const SHOWN = 100;

export function renderVerifyReport({
  verdict,
  findings,
  warnings,
  notChecked,
  key,
  examined,
}: VerifyReport): string {
  const headline = {
    verified: 'VERIFIED',
    'not-verified': 'NOT VERIFIED',
    'could-not-check': 'COULD NOT CHECK',
  }[verdict];
  const period = examined.from === null ? '' : `, sealed ${examined.from} to ${examined.to ?? '?'}`;
  return [
    headline,
    `  examined    ${examined.seals} seals (${examined.firstSeal ?? '–'} to ${examined.lastSeal ?? '–'}), ` +
      `${examined.statements} statements, ${examined.slots} slots${period}`,
    ...key.keyids.map((id) => `  signed by   ${id}${key.checked ? '' : '   (key itself not checked)'}`),
    ...(examined.lastSealSha256 === null ? [] : [`  last seal   ${examined.lastSealSha256}`]),
    ...findings.slice(0, SHOWN).map(({ code, object, message }) => `  ✗ ${object}: ${message} [${code}]`),
    ...(findings.length > SHOWN ? [`  ✗ … and ${findings.length - SHOWN} more (use --json)`] : []),
    ...warnings.map((text) => `  ! ${text}`),
    ...notChecked.map((text) => `  · ${text}`),
    '',
  ].join('\n');
}
