import type { DrillFact, ProtectionFact } from '../../domain/facts.ts';
import { duration } from '../../domain/units.ts';
import type { NightResult } from '../../domain/requests.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import { summaryOf } from '../../domain/summary.ts';
import { checkLines, coverageLines, lockText, rpoText, rtoText } from '../../cli/print/results.ts';
import { painted, table, type Terminal } from '../../cli/terminal.ts';
import { count, howLong, some, when } from '../../cli/words.ts';
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
    ...night.population
      .filter(({ end, reason }) => end !== 'passed' || reason !== '')
      .map(({ resource, end, reason }) => `  ${resource} ${painted(terminal, end)}: ${reason}`),
    ...evidence.resources.flatMap(({ resource, protection, drill }) => [
      '',
      terminal.paint('bold', resource),
      ...(protection === null ? [] : protectionLines(terminal, protection, policy)),
      ...(drill === null ? ['  It was not drilled.'] : drillLines(terminal, drill)),
    ]),
    '',
    ...evidenceLines(terminal, policy, night, evidence),
  ];
}

function protectionLines(terminal: Terminal, fact: ProtectionFact, policy: Policy): string[] {
  const print = fact.fingerprints.at(-1);
  const hops = fact.points.map(({ location, deleteAt, lock }, hop) => [
    hop === 0 ? 'backup' : `copy ${hop}`,
    accountName(policy, location.accountId),
    location.region,
    location.vault,
    deleteAt === null ? 'never expires' : `until ${deleteAt.slice(0, 10)}`,
    terminal.paint(lock.state === 'immutable' ? 'green' : 'yellow', lockText(lock)),
  ]);
  return [
    `  ${painted(terminal, fact.outcome)}${fact.reason === undefined ? '' : `: ${fact.reason}`}`,
    ...(print === undefined
      ? ['  no fingerprint could be taken, so nothing can be compared']
      : [
          `  fingerprinted before and after the backup: ${some(print.rows, 'row')} in ${some(print.tables, 'table')}, ${some(print.blocks, 'block')}`,
        ]),
    ...indented(table(['hop', 'account', 'region', 'vault', 'kept', 'lock, as read back'], hops)),
  ];
}

function drillLines(terminal: Terminal, fact: DrillFact): string[] {
  const { checks, fence, teardown, rto, rpoSeconds, objectives, selection } = fact;
  const summaries = checks.map(summaryOf);
  const limits = { rto: `${objectives.rtoSeconds}s`, rpo: `${objectives.rpoSeconds}s` };
  return [
    `  restored and checked: ${painted(terminal, fact.verdict)} (${selection.rule}, of ${some(selection.candidates, 'point')})`,
    ...fact.reasons.map((reason) => `  ${terminal.paint('red', '✗')} ${reason}`),
    ...indented(checkLines(terminal, summaries)),
    ...indented(coverageLines(summaries)),
    ...notTestedLines(fact),
    `  ${rtoText(rto, limits).replace(`objective ${limits.rto}`, `objective ${plain(limits.rto)}`)}`,
    `  ${rpoText(rpoSeconds, limits).replace(`objective ${limits.rpo}`, `objective ${plain(limits.rpo)}`)}`,
    fence === null
      ? '  fence: not examined'
      : `  fence: ${fence.attempts.map(({ target, reached, how }) => `${target} ${reached ? terminal.paint('red', 'REACHED') : 'not reached'} (${how})`).join('; ')}`,
    teardown === null
      ? '  teardown: nothing to take down'
      : `  teardown: ${teardown.complete ? 'proven' : terminal.paint('red', 'NOT complete')}; ${teardown.removed
          .map(
            ({ what, absent, seen }) =>
              `${what} ${absent ? 'gone' : terminal.paint('red', 'STILL THERE')} (${seen})`,
          )
          .join('; ')}`,
  ];
}

/** What the checks say of themselves that they did not look at: shown as plainly as the rest. */
function notTestedLines({ checks }: DrillFact): string[] {
  return checks.flatMap(({ check, notTested }) =>
    notTested.map((what) => `  not tested (${check}): ${what}`),
  );
}

function evidenceLines(
  terminal: Terminal,
  policy: Policy,
  night: NightResult,
  { seal }: NightEvidence,
): string[] {
  const where = `bucket ${policy.ledger.bucket} (${policy.ledger.region}, Object Lock in compliance mode for ${howLong(duration(policy.ledger.keep))})`;
  if (seal === null)
    return [
      terminal.paint(
        'red',
        `The evidence is NOT sealed: ${night.sealProblem ?? 'the seal cannot be read back'}`,
      ),
    ];
  return [
    `Evidence: seal ${count(seal.sequence)} with ${some(seal.statements, 'statement')} in ${where}`,
    `  sha256 ${seal.sha256}`,
    `  signed by ${seal.signedBy.join(', ')}`,
    ...(seal.irregularities > 0
      ? [
          terminal.paint(
            'red',
            `  the seal records ${some(seal.irregularities, 'irregularity', 'irregularities')} in the ledger`,
          ),
        ]
      : []),
  ];
}

const accountName = ({ accounts }: Policy, id: string): string =>
  Object.entries(accounts).find(([, account]) => account.id === id)?.[0] ?? id;

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
const plain = (seconds: string): string =>
  howLong(duration(seconds))
    .replace(/ 00 (s|min)$/, '')
    .replace(/ 0 h$/, '');
