import { count, howLong, some, when } from '../../domain/words.ts';
import { codeOf, factsOf, html, pageOf, tableOf } from './html.ts';
import { basisSection, figure, listOf, mark, notRecorded, periodText, section } from './parts.ts';
import type { Html } from './html.ts';
import type { RestoreEntry, RestoreReport } from './restores.ts';

/** Every restore that people asked for: who, why, what was verified, how long access lasted, and what is left. */
export function restoresPage({ period, basis, restores }: RestoreReport): string {
  const handed = restores.filter(({ phases }) => phases.some(({ phase }) => phase === 'handed-over'));
  const open = restores.filter(({ state }) => state !== 'ended');
  const longest = Math.max(0, ...restores.map(({ accessSeconds }) => accessSeconds ?? 0));
  return pageOf(
    `Restores by request, ${periodText(period)}`,
    html`<header>
        <h1>Restores that people asked for</h1>
        <p class="lead">${periodText(period)}</p>
      </header>
      <div class="figures">
        ${figure(count(restores.length), 'requests')} ${figure(count(handed.length), 'handed over')}
        ${figure(handed.length === 0 ? 'none' : howLong(longest), 'longest access that has ended')}
        ${figure(count(open.length), 'without an end on record')}
      </div>
      ${section(
        'Overview',
        restores.length === 0
          ? html`<p>
              No restore was recorded in this period. The ledger lists every statement that was made, so that
              this is a finding, not a gap.
            </p>`
          : tableOf(
              'Requests in the order of their first statement',
              ['Request', 'Resource', 'By', 'Verdict', 'State', 'Access lasted', 'Everything gone'],
              restores.map((one) => [
                one.request,
                one.fact.resource.name,
                one.fact.requestedBy,
                one.fact.verdict === null ? '–' : mark(one.fact.verdict),
                one.state === 'ended' ? 'ended' : mark(one.state, 'unknown'),
                one.accessSeconds === null ? '–' : howLong(one.accessSeconds),
                goneText(one),
              ]),
            ),
      )}
      ${section('What was not tested', notTested(restores))} ${restores.map(details)} ${basisSection(basis)}`,
  );
}

function goneText({ fact }: RestoreEntry): Html {
  if (fact.teardown === null) return notRecorded('it has not ended');
  return fact.teardown.complete ? mark('yes', 'passed') : mark('NO', 'failed');
}

function notTested(restores: readonly RestoreEntry[]): Html {
  const items = restores.flatMap(({ request, fact, state }) => [
    ...(fact.checks.length === 0 ? [`${request}: no check ran on what was restored.`] : []),
    ...fact.checks.flatMap(({ check, notTested: parts }) =>
      parts.map((what) => `${request}, ${check}: ${what}`),
    ),
    ...(state === 'ended' ? [] : [`${request}: whether it was taken down; it has no end on record.`]),
  ]);
  return items.length === 0 ? html`<p>Nothing that the checks cover was left out.</p>` : listOf(items);
}

function details(entry: RestoreEntry): Html {
  const { request, fact, phases, accessSeconds, notRecorded: missing } = entry;
  const { approvals, point, deadline, teardown } = fact;
  return section(
    `Request ${request}`,
    html`${factsOf([
      ['Resource', html`${fact.resource.name}, ${codeOf(fact.resource.arn)}`],
      ['Requested by', fact.requestedBy],
      ['Reason', fact.reason],
      [
        'Approvals',
        approvals === undefined
          ? notRecorded(missing['approvals'] ?? '')
          : approvals.length === 0
            ? fact.approvalsNeeded === undefined || fact.approvalsNeeded === 0
              ? 'none were needed'
              : `none of the ${fact.approvalsNeeded} that were needed`
            : listOf(approvals.map(({ by, decision, at }) => `${by} ${decision} at ${when(at)}`)),
      ],
      [
        'Recovery point',
        point === null ? 'none was found' : html`${codeOf(point.arn)}, made ${when(point.createdAt)}`,
      ],
      ['Verdict', fact.verdict === null ? 'none' : mark(fact.verdict)],
      ['Deadline', deadline === null ? 'none: it was not handed over' : when(deadline)],
      ['Access lasted', accessSeconds === null ? 'no access with an end on record' : howLong(accessSeconds)],
      ['How it ended', fact.ended ?? notRecorded('it has not ended')],
    ])}
    ${tableOf(
      'Phases, by S3’s date of each statement',
      ['Phase', 'Statement written', 'Statement', 'SHA-256'],
      phases.map(({ phase, at, key, sha256 }) => [phase, when(at), codeOf(key), codeOf(sha256)]),
    )}
    ${tableOf(
      'Checks on what was restored',
      ['Check', 'Result', 'Examined'],
      fact.checks.map(({ check, status, examined }) => [
        check,
        mark(status),
        examined.map(({ unit, examined: n, total }) => `${count(n)} of ${count(total)} ${unit}`).join('; ') ||
          'nothing',
      ]),
    )}
    ${
      teardown !== null &&
      tableOf(
        `Clean-up of ${some(teardown.removed.length, 'thing')}`,
        ['What', 'Gone', 'How it was seen'],
        teardown.removed.map(({ what, absent, seen }) => [
          codeOf(what),
          absent ? 'yes' : mark('NO', 'failed'),
          seen,
        ]),
      )
    }`,
  );
}
