import type { RecoveryPointFacts } from '../../domain/facts.ts';
import type {
  CheckSummary,
  DrillResult,
  NightResult,
  ProtectResult,
  RetentionResult,
} from '../../domain/requests.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import type { Examined } from '../../domain/verdict.ts';
import { duration } from '../../domain/units.ts';
import { painted, table, type Terminal } from '../terminal.ts';
import { count, howLong, lockText, size, some, when, wholeLength } from '../../domain/words.ts';

/** Results of runs as lines for people. Nothing here decides anything; the words are those of the results. */

/** `138,398 of 138,398 rows`; an empty list is said as what it is. */
export function examinedText(examined: readonly Examined[]): string {
  if (examined.length === 0) return 'nothing';
  return examined
    .map(({ unit, examined: n, total, knownEmpty }) =>
      total === 0 && knownEmpty === true
        ? `no ${unit}, as at the source`
        : `${count(n)} of ${count(total)} ${unit}`,
    )
    .join(', ');
}

/** @param known reasons that have been said already. */
export function checkLines(
  terminal: Terminal,
  checks: readonly CheckSummary[],
  known: readonly string[] = [],
): string[] {
  const rows = checks.map(({ check, status, examined, durationMs }) => [
    check,
    painted(terminal, status),
    examinedText(examined),
    `${(durationMs / 1000).toFixed(1)} s`,
  ]);
  const lines = table(['check', 'verdict', 'examined', 'took'], rows);
  const said = checks
    .flatMap(({ check, says }) => says.map((text) => `${check}: ${text}`))
    .filter((text) => !known.includes(text));
  return [...lines, ...said.map((text) => `  ${terminal.paint('yellow', '!')} ${text}`)];
}

/** What the content check proved exactly, bounded only, and did not look at. */
export function coverageLines(checks: readonly CheckSummary[]): string[] {
  return checks.flatMap(({ check, coverage }) => {
    if (coverage === undefined) return [];
    const { provenRows, boundedRows, notExaminedRows } = coverage;
    const all = provenRows + boundedRows + notExaminedRows;
    const share = all === 0 ? '' : ` (${(Math.floor((1000 * provenRows) / all) / 10).toFixed(1)} %)`;
    return [
      `${check}: ${some(provenRows, 'row')} proven equal${share}, ${count(boundedRows)} bounded ` +
        `(written during the backup), ${count(notExaminedRows)} not examined`,
      ...(coverage.remembered === undefined
        ? []
        : [
            `${check}: of the source, ${some(coverage.remembered.rows, 'row')} that did not change were last read since ${coverage.remembered.since}`,
          ]),
    ];
  });
}

export function pointLines(terminal: Terminal, points: readonly RecoveryPointFacts[]): string[] {
  const rows = points.map(({ location, status, createdAt, deleteAt, sizeBytes, lock }) => [
    location.accountId,
    location.region,
    location.vault,
    status,
    sizeBytes === null ? 'unknown' : size(sizeBytes),
    when(createdAt),
    deleteAt === null ? 'never' : when(deleteAt),
    terminal.paint(lock.state === 'immutable' ? 'green' : 'yellow', lockText(lock)),
  ]);
  return table(
    ['account', 'region', 'vault', 'status', 'size', 'created', 'expires', 'lock, as read back'],
    rows,
  );
}

export function protectLines(terminal: Terminal, result: ProtectResult): string[] {
  const { resource, outcome, reason, points, fingerprints, seconds } = result;
  const head = `${terminal.paint('bold', resource)} ${painted(terminal, outcome)} in ${howLong(seconds)}`;
  const taken = fingerprints?.after;
  return [
    reason === undefined ? head : `${head}: ${reason}`,
    ...(taken === undefined
      ? []
      : [
          `fingerprint: ${some(taken.tables, 'table')}, ${some(taken.rows, 'row')}, ${some(taken.blocks, 'block')}, twice`,
        ]),
    ...pointLines(terminal, points),
  ];
}

export function drillLines(
  terminal: Terminal,
  result: DrillResult,
  objectives?: Policy['objectives'],
): string[] {
  const { resource, verdict, reasons, checks, pointArn, rto, rpoSeconds, cleanedUp, seconds } = result;
  return [
    `${terminal.paint('bold', resource)} ${painted(terminal, verdict)} in ${howLong(seconds)}`,
    ...reasons.map((reason) => `  ${terminal.paint('red', '✗')} ${reason}`),
    `point: ${pointArn ?? 'none'}`,
    ...checkLines(terminal, checks, reasons),
    ...coverageLines(checks),
    rtoText(rto, objectives === undefined ? undefined : duration(objectives.rto)),
    rpoText(rpoSeconds, objectives === undefined ? undefined : duration(objectives.rpo)),
    cleanedUp
      ? 'teardown: everything that the drill made is gone, each absence was seen'
      : terminal.paint('red', 'teardown: NOT complete; the sweeper tries again, see `lifeboat report drill`'),
  ];
}

/** @param limit the objective in seconds. */
export function rtoText(rto: DrillResult['rto'], limit?: number): string {
  const at = (seconds: number | null): string => (seconds === null ? 'not reached' : howLong(seconds));
  return `RTO: available ${at(rto.available)}, first query ${at(rto.firstQuery)}, verified ${at(rto.verified)}${objective(rto.verified, limit)}`;
}

/** @param limit the objective in seconds. */
export function rpoText(rpoSeconds: number | null, limit?: number): string {
  const seen =
    rpoSeconds === null
      ? 'RPO: unknown, no freshness rule could tell'
      : `RPO: the newest data was ${howLong(rpoSeconds)} old at the instant of the backup`;
  return seen + objective(rpoSeconds, limit);
}

function objective(measured: number | null, limit: number | undefined): string {
  if (limit === undefined) return '';
  const left = measured === null ? null : limit - measured;
  const margin = left === null ? '' : left >= 0 ? ', kept' : `, missed by ${howLong(-left)}`;
  return ` (objective ${wholeLength(limit)}${margin})`;
}

/** Counts of the retention pass; each removed point with the proof of its absence is in the statement. */
export function retentionLine(terminal: Terminal, result: RetentionResult | null): string {
  if (result === null) return terminal.paint('yellow', 'retention: not proven, the pass did not end');
  const { awsNow, live, provenGone, lingering, held, withoutExpiry } = result;
  const wrong = [
    ...(lingering.length > 0
      ? [`${lingering.length} past their date and STILL THERE: ${lingering.join(', ')}`]
      : []),
    ...(withoutExpiry.length > 0
      ? [`${withoutExpiry.length} would never expire: ${withoutExpiry.join(', ')}`]
      : []),
  ];
  const counts = `${some(live, 'live point')}, ${some(provenGone, 'point')} past their date proven gone, ${held.length} held`;
  const asked = `retention, at AWS's ${when(awsNow)}: ${counts}`;
  return wrong.length === 0
    ? `${asked}, none lingers`
    : `${asked}; ${terminal.paint('red', wrong.join('; '))}`;
}

export function nightLines(
  terminal: Terminal,
  result: NightResult,
  retention: RetentionResult | null,
  policy?: Policy,
): string[] {
  const { slot, verdict, population, resources, seal, sealProblem } = result;
  const rows = population.map(({ resource, end, reason }) => [resource, painted(terminal, end), reason]);
  return [
    `${terminal.paint('bold', `night of ${when(slot)}`)} ${painted(terminal, verdict)}`,
    ...table(['resource', 'end', 'reason'], rows),
    ...resources.flatMap(({ drill }) =>
      drill === null ? [] : ['', ...drillLines(terminal, drill, policy?.objectives)],
    ),
    '',
    retentionLine(terminal, retention),
    seal === null
      ? terminal.paint('red', `seal: NOT written: ${sealProblem ?? 'no reason given'}`)
      : `seal: number ${seal.sequence}, ${some(seal.statements, 'statement')}, sha256 ${seal.sha256.slice(0, 16)}…`,
  ];
}
