import { duration } from '../../domain/units.ts';
import type { NightResult } from '../../domain/requests.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import { drillFactLines, protectionFactLines, retentionFactLines } from '../../cli/print/facts.ts';
import { painted, type Terminal } from '../../cli/terminal.ts';
import { count, some, when, wholeLength } from '../../domain/words.ts';
import type { NightEvidence } from './evidence.ts';

/** What happened, in plain sentences, from the signed statements of the night. */
export function summaryLines(
  terminal: Terminal,
  policy: Policy,
  night: NightResult,
  evidence: NightEvidence,
): string[] {
  return [
    '',
    terminal.paint('bold', `The night of ${when(night.slot)}: ${painted(terminal, night.verdict)}`),
    ...night.population.map(
      ({ resource, end, reason }) =>
        `  ${resource} ${painted(terminal, end)}${reason === '' ? '' : `: ${reason}`}`,
    ),
    ...evidence.resources.flatMap(({ resource, protection, drill }) => [
      '',
      terminal.paint('bold', resource),
      ...indented(protection === null ? [] : protectionFactLines(terminal, protection, policy)),
      ...indented(drill === null ? ['it was not drilled'] : drillFactLines(terminal, drill)),
    ]),
    ...knownBadLines(terminal, night),
    '',
    ...(evidence.retention === null
      ? [terminal.paint('yellow', 'retention: not proven, the pass did not end')]
      : retentionFactLines(terminal, evidence.retention)),
    ...evidenceLines(terminal, policy, night, evidence),
  ];
}

function knownBadLines(terminal: Terminal, { knownBad }: NightResult): string[] {
  if (knownBad === undefined) return [];
  const { resource, damage, caught, reasons } = knownBad;
  const how = caught ? terminal.paint('green', 'caught') : terminal.paint('red', 'NOT caught');
  return [
    '',
    `known-bad drill of ${resource}, a copy spoilt on purpose (${damage ?? 'nothing was spoilt'}): ${how}`,
    ...reasons.slice(0, 1).map((reason) => `  ${reason}`),
  ];
}

function evidenceLines(
  terminal: Terminal,
  { ledger }: Policy,
  night: NightResult,
  { seal }: NightEvidence,
): string[] {
  if (seal === null)
    return [
      terminal.paint(
        'red',
        `The evidence is NOT sealed: ${night.sealProblem ?? 'the seal cannot be read back'}`,
      ),
    ];
  return [
    `evidence: seal ${count(seal.sequence)} over ${some(seal.statements, 'statement')} in the bucket ${ledger.bucket} (${ledger.region}),`,
    `  which Object Lock keeps for ${wholeLength(duration(ledger.keep))} against everybody (compliance mode)`,
    `  sha256 ${seal.sha256}`,
    `  signed by ${seal.signedBy.join(', ')}`,
    ...(seal.irregularities > 0
      ? [
          terminal.paint(
            'red',
            `  the ledger shows ${some(seal.irregularities, 'irregularity', 'irregularities')}`,
          ),
        ]
      : []),
  ];
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
