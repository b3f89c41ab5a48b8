import type { DrillFact, FenceFact, ProtectionFact, RetentionFact } from '../../domain/facts.ts';
import { networkProblems } from '../../domain/isolation.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import { summaryOf } from '../../domain/summary.ts';
import { painted, table, type Terminal } from '../terminal.ts';
import { howLong, lockText, some, when } from '../../domain/words.ts';
import { checkLines, coverageLines, rpoText, rtoText } from './results.ts';

/** Statements from the ledger as lines for people: what they say, nothing decided here. */

/** @param policy names accounts; without it their ids are shown. */
export function protectionFactLines(
  terminal: Terminal,
  fact: ProtectionFact,
  policy: Policy | undefined,
): string[] {
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
    `${painted(terminal, fact.outcome)}${fact.reason === undefined ? '' : `: ${fact.reason}`}`,
    print === undefined
      ? terminal.paint('yellow', 'no fingerprint could be taken, so nothing can be compared')
      : `fingerprinted before and after the backup: ${some(print.rows, 'row')} in ${some(print.tables, 'table')}, ${some(print.blocks, 'block')}`,
    ...table(['hop', 'account', 'region', 'vault', 'kept', 'lock, as read back'], hops),
  ];
}

export function drillFactLines(terminal: Terminal, fact: DrillFact): string[] {
  const { checks, fence, teardown, rto, rpoSeconds, objectives, selection } = fact;
  const summaries = checks.map(summaryOf);
  const bad = (text: string): string => terminal.paint('red', text);
  return [
    `restored and checked: ${painted(terminal, fact.verdict)} (point ${selection.rule}, of ${some(selection.candidates, 'candidate')})`,
    ...fact.reasons.map((reason) => `${bad('✗')} ${reason}`),
    ...checkLines(terminal, summaries, fact.reasons),
    ...coverageLines(summaries),
    // What the checks say of themselves that they did not look at is shown as plainly as the rest.
    ...checks.flatMap(({ check, notTested }) => notTested.map((what) => `not tested (${check}): ${what}`)),
    rtoText(rto, objectives.rtoSeconds),
    rpoText(rpoSeconds, objectives.rpoSeconds),
    'isolation:',
    ...(fence === null || fence.attempts.length === 0
      ? [terminal.paint('yellow', '  nothing was tried')]
      : fence.attempts.map(
          ({ target, reached, how }) => `  ${target}: ${reached ? bad('REACHED') : 'not reached'} (${how})`,
        )),
    ...(fence === null ? [] : fenceLines(fence, bad)),
    `teardown${teardown === null ? ': nothing to take down' : teardown.complete ? ', each absence as it was seen:' : `, ${bad('NOT complete')}:`}`,
    ...(teardown?.removed ?? []).map(
      ({ what, absent, seen }) => `  ${what}: ${absent ? 'gone' : bad('STILL THERE')} (${seen})`,
    ),
    ...(fact.timings.length === 0
      ? []
      : [`steps: ${fact.timings.map(({ step, seconds }) => `${step} ${howLong(seconds)}`).join(', ')}`]),
  ];
}

function fenceLines({ network, credentials }: FenceFact, bad: (text: string) => string): string[] {
  const open = network === undefined ? [] : networkProblems(network);
  const routes = network?.routes.filter(({ target }) => target !== 'local').length ?? 0;
  return [
    ...(network === undefined
      ? ['  its network was not described']
      : [
          `  network ${network.vpcId} (${network.cidrs.join(', ')}): ${some(network.routes.length, 'route')}, ` +
            `${routes === 0 ? 'none leads out' : `${routes} to elsewhere`}; admitted: ` +
            [...new Set(network.admits.map(({ from, ports }) => `${from} on ${ports}`))].join(', '),
        ]),
    ...open.map((problem) => `  ${bad(problem)}`),
    ...(credentials === undefined
      ? []
      : [
          `  its prober is ${credentials.caller}`,
          ...credentials.attempts.map(
            ({ role, refused, how }) =>
              `  ${role}: ${refused ? 'refused to it' : bad('NOT refused')} (${how})`,
          ),
        ]),
  ];
}

/** Points shown by name; all of them are in the statement. */
const SHOWN_POINTS = 6;

/** What the retention pass saw, and how the absence of what is past its date was proven. */
export function retentionFactLines(terminal: Terminal, { awsNow, vaults }: RetentionFact): string[] {
  const gone = vaults.flatMap(({ provenGone }) => provenGone);
  const bad = (text: string): string => terminal.paint('red', text);
  const sum = (n: (vault: RetentionFact['vaults'][number]) => number): number =>
    vaults.reduce((total, vault) => total + n(vault), 0);
  return [
    `retention, at AWS's ${when(awsNow)}: ${some(
      sum(({ live }) => live),
      'live point',
    )} in ${some(vaults.length, 'vault')}, ` +
      `${some(gone.length, 'point')} past their date proven gone, ${sum(({ held }) => held.length)} held`,
    ...gone
      .slice(0, SHOWN_POINTS)
      .map(({ arn, dueAt, seen }) => `  ${arn}: due ${dueAt.slice(0, 10)}, gone (${seen})`),
    ...(gone.length > SHOWN_POINTS ? [`  and ${gone.length - SHOWN_POINTS} more`] : []),
    ...vaults.flatMap(({ lingering, held, withoutExpiry }) => [
      ...lingering.map(({ arn, dueAt, status }) => bad(`  ${arn}: due ${dueAt}, STILL THERE (${status})`)),
      ...held.map(({ arn, reason }) => `  ${arn}: held (${reason})`),
      ...withoutExpiry.map((arn) => bad(`  ${arn}: would never expire`)),
    ]),
  ];
}

const accountName = (policy: Policy | undefined, id: string): string =>
  Object.entries(policy?.accounts ?? {}).find(([, account]) => account.id === id)?.[0] ?? id;
