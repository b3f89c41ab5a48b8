import { codeOf, factsOf, html, pageOf, tableOf } from './html.ts';
import { isolationOf } from './isolation-section.ts';
import { basisSection, figure, listOf, mark, notRecorded, section } from './parts.ts';
import { timelineOf } from './timeline.ts';
import { count, howLong, lockText, size, some, when, wholeLength } from '../../domain/words.ts';
import type { CheckResult } from '../../domain/verdict.ts';
import type { DrillReport, ObjectiveResult } from './drill.ts';
import type { Html } from './html.ts';
import type { Basis } from './source.ts';

/** The report as one page that needs nothing else: for screens, for paper, for people who use neither. */
export function drillReportPage(report: DrillReport, basis?: Basis): string {
  const { identity, verdict } = report;
  const title = `Drill of ${identity.resource.name}, ${when(identity.slot)}: ${verdict}`;
  return pageOf(
    title,
    html`<header>
        <h1>Drill of ${identity.resource.name}</h1>
        <p>
          <strong class="verdict ${verdict}">${verdict}</strong>
          <span class="lead"
            >${when(identity.slot)} · ${TRIGGER[identity.trigger]} · policy ${identity.policy}</span
          >
        </p>
        ${report.reasons.length > 0 && listOf(report.reasons)}
      </header>
      ${figures(report)} ${section('What was drilled', scope(report))}
      ${section('Copies and locks, as read back', hops(report))}
      ${section('Recovery time and recovery point', objectives(report))} ${section('Checks', checks(report))}
      ${section('What was not tested', report.notTested.length === 0 ? html`<p>Nothing that the checks cover was left out.</p>` : listOf(report.notTested))}
      ${section('Isolation', isolationOf(report))} ${section('Timeline', timeline(report))}
      ${section('Clean-up', teardown(report))}
      ${section('Exceptions, waivers and sign-off', exceptions(report))}
      ${section('Integrity', integrity(report))}
      ${section(
        'Controls that this report supports',
        tableOf(
          'It supports them; it does not fulfil them alone.',
          ['Control', 'Shown by'],
          report.controls.map(({ control, shownBy }) => [control, shownBy]),
        ),
      )}
      ${basis !== undefined && basisSection(basis)}`,
  );
}

const TRIGGER = {
  night: 'by the nightly schedule',
  'by-hand': 'by hand',
  'restore-request': 'by a restore request',
} as const;

function figures({ objectives: [rto, , , rpo], checks: all, coverage }: DrillReport): Html {
  const passed = all.filter(({ status }) => status === 'passed').length;
  const against = (objective: ObjectiveResult | undefined): string =>
    objective?.measuredSeconds == null ? 'not measured' : howLong(objective.measuredSeconds);
  const target = (objective: ObjectiveResult | undefined): string =>
    objective?.targetSeconds == null ? '' : `, objective ${wholeLength(objective.targetSeconds)}`;
  return html`<div class="figures">
    ${figure(against(rto), `until the data was verified (RTO${target(rto)})`)}
    ${figure(against(rpo), `age of the newest data at the backup (RPO${target(rpo)})`)}
    ${figure(`${passed} of ${all.length}`, 'checks passed')}
    ${figure(coverage?.provenShare == null ? 'none' : `${(Math.floor(coverage.provenShare * 1000) / 10).toFixed(1)} %`, 'of the rows proven exactly')}
  </div>`;
}

const CONFIDENCE = {
  real: 'against real AWS accounts',
  local: 'against the AWS on one computer: it proves the procedure, and nothing about a real account',
} as const;

function scope(report: DrillReport): Html {
  const { identity, selection, point, restoredArn, fingerprints, freshUntil } = report;
  const missing = missingIn(report);
  return html`${factsOf([
    ['Resource', codeOf(identity.resource.arn)],
    ['AWS’s immutable id', codeOf(identity.resource.immutableId)],
    [
      'Kind and engine',
      `${identity.resource.kind}${identity.engineVersion === null ? '' : `, ${identity.engineVersion}`}`,
    ],
    ['Requested by', identity.requestedBy ?? missing('requestedBy')],
    ['Approved by', identity.approvedBy?.join(', ') ?? missing('approvedBy')],
    [
      'Recorded by',
      identity.recordedBy == null
        ? missing('recordedBy')
        : `${identity.recordedBy.tool} ${identity.recordedBy.version}, ${CONFIDENCE[identity.recordedBy.confidence]}`,
    ],
    ['Tier', identity.tier ?? missing('tier')],
    ['Owner', identity.owner ?? missing('owner')],
    [
      'Source of the objectives',
      identity.objectivesSource === null
        ? missing('objectivesSource')
        : `${identity.objectivesSource.document}, ${identity.objectivesSource.date}`,
    ],
    [
      'Fresh until',
      freshUntil === null
        ? html`${missing('freshUntil')}${point?.deleteAt != null && ` The point itself exists until ${when(point.deleteAt)}.`}`
        : when(freshUntil),
    ],
    ['Policy', html`${identity.policy}, SHA-256 ${codeOf(identity.policySha256)}`],
    ['Recovery point', codeOf(point?.arn ?? null)],
    ['Made', point === null ? '–' : when(point.createdAt)],
    ['Chosen by', `${selection.rule}, from ${some(selection.candidates, 'candidate')}`],
    ['Seed', selection.seed === undefined ? missing('seed') : codeOf(selection.seed)],
    [
      'Verified before',
      selection.lastVerifiedAt === undefined
        ? missing('lastVerifiedAt')
        : selection.lastVerifiedAt === null
          ? 'not in the last 60 days of evidence'
          : when(selection.lastVerifiedAt),
    ],
    ['Restored as', codeOf(restoredArn)],
  ])}
  ${tableOf(
    'Fingerprints of the source, taken before and after the backup',
    ['Taken', 'Tables', 'Rows', 'Blocks', 'SHA-256'],
    fingerprints.map(({ takenAt, tables, rows, blocks, sha256 }) => [
      when(takenAt),
      count(tables),
      count(rows),
      count(blocks),
      codeOf(sha256),
    ]),
  )}`;
}

/** Says of a field that no statement has it, and why. */
function missingIn({ notRecorded: reasons }: DrillReport): (field: string) => Html {
  return (field) => notRecorded(reasons[field] ?? 'the statement does not say it');
}

function exceptions({
  exceptions: all,
  retries,
  manualSteps,
  retentionEffect,
  signOffs,
  waivers,
  ...report
}: DrillReport): Html {
  const missing = (field: string): Html =>
    notRecorded(report.notRecorded[field] ?? 'the statement does not say it');
  const listed = (items: readonly string[] | null, field: string): Html =>
    items === null ? missing(field) : items.length === 0 ? html`none` : listOf(items);
  return html`${all.length === 0 ? html`<p>No exceptions.</p>` : listOf(all)}
  ${factsOf([
    [
      'Retries',
      listed(
        retries?.map(({ step, attempts, lastError }) => `${step}: ${attempts} attempts, ${lastError}`) ??
          null,
        'retries',
      ),
    ],
    ['Steps by hand', listed(manualSteps, 'manualSteps')],
    ['Effect on retention', listed(retentionEffect, 'retentionEffect')],
  ])}
  ${tableOf(
    'Waivers in force at this slot',
    ['Waiver', 'What', 'Owner', 'Expires', 'Reason'],
    waivers.map(({ fact }) => [fact.waiver, fact.what, fact.owner, when(fact.expires), fact.reason]),
  )}
  ${tableOf(
    'Sign-off by reviewers who did not run this drill',
    ['Reviewer', 'Decision', 'On', 'Note', 'Statement'],
    signOffs.map(({ key, fact }) => [
      fact.reviewer,
      mark(fact.decision),
      when(fact.signedAt),
      fact.note,
      codeOf(key),
    ]),
  )}`;
}

function hops(report: DrillReport): Html {
  const { hops: all } = report;
  if (all.length === 0) return html`<p class="none">No copy is recorded.</p>`;
  return html`<p class="lead">
      Every copy of this backup. “Immutable” is only said of a compliance lock that can no longer be taken
      off.
    </p>
    ${all.map(
      (
        {
          location,
          status,
          lock,
          createdAt,
          deleteAt,
          sizeBytes,
          encryptionKeyArn,
          arn,
          readAt,
          deletableBy,
        },
        hop,
      ) =>
        html`<h3>
            ${hop === 0 ? 'Backup' : `Copy ${hop}`}: account ${location.accountId}, ${location.region}, vault
            ${location.vault}
          </h3>
          ${factsOf([
            ['Lock', mark(lockText(lock), lock.state)],
            ['Status', `${status.toLowerCase()}${sizeBytes === null ? '' : `, ${size(sizeBytes)}`}`],
            [
              'Read back',
              readAt === undefined ? notRecorded('the statement is older than this field') : when(readAt),
            ],
            ['Made, expires', `${when(createdAt)}, ${deleteAt === null ? 'never' : when(deleteAt)}`],
            ['Key', codeOf(encryptionKeyArn)],
            [
              'Who could take it away',
              deletableBy === undefined ? missingIn(report)('deletableBy') : listOf(deletableBy),
            ],
            ['Recovery point', codeOf(arn)],
          ])}`,
    )}`;
}

function objectives({ objectives: all }: DrillReport): Html {
  const length = (seconds: number | null, without: string): string =>
    seconds === null ? without : wholeLength(seconds);
  return tableOf(
    'Counted from the start of the restore; the recovery point comes from the data itself.',
    ['Objective', 'Measured', 'Target', 'Margin', 'Result'],
    all.map(({ name, measuredSeconds, targetSeconds, marginSeconds, state }) => [
      name,
      length(measuredSeconds, 'not measured'),
      length(targetSeconds, '–'),
      length(marginSeconds, '–'),
      state === 'no target' ? '–' : mark(state),
    ]),
  );
}

function checks({ checks: all, coverage }: DrillReport): Html {
  return html`${tableOf(
    'Nothing is passed by default: a check that examined nothing, or not everything, is inconclusive.',
    ['Check', 'Question', 'Result', 'Examined', 'Took'],
    all.map(({ check, question, status, examined, durationMs }) => [
      check,
      question,
      mark(status),
      examined.map(({ unit, examined: n, total }) => `${count(n)} of ${count(total)} ${unit}`).join('; ') ||
        'nothing',
      howLong(durationMs / 1000),
    ]),
  )}
  ${
    coverage !== null &&
    html`<p>
      ${count(coverage.provenRows)} rows lie in blocks that were quiet around the backup and are proven equal,
      exactly. ${count(coverage.boundedRows)} rows lie in blocks that moved meanwhile and are bounded.
      ${count(coverage.notExaminedRows)} rows were not examined.
      ${
        coverage.remembered !== undefined &&
        html`Of the source, ${count(coverage.remembered.rows)} rows in ${count(coverage.remembered.blocks)}
        blocks provably did not change and were not read again; the oldest of them were read on
        ${coverage.remembered.since}. The copy was read in full.`
      }
    </p>`
  }
  ${all.filter(({ findings, measured }) => findings.length > 0 || Object.keys(measured).length > 0).map(details)}`;
}

/** `quietBlocks`: quiet blocks. Names of tables stay as they are. */
const inWords = (name: string): string =>
  /^[a-z]+([A-Z][a-z]*)+$/.test(name)
    ? name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    : name;

function details({ check, findings, findingsOmitted, measured }: CheckResult): Html {
  return html`<h3>${check}</h3>
    ${
      findings.length > 0 &&
      html`<ul>
        ${findings.map(({ severity, message, where }) => html`<li>${severity}: ${message}${where !== undefined && html` <code>${where}</code>`}</li>`)}${findingsOmitted > 0 && html`<li>and ${findingsOmitted} more</li>`}
      </ul>`
    }
    ${Object.keys(measured).length > 0 && factsOf(Object.entries(measured).map(([name, value]) => [inWords(name), value]))}`;
}

function timeline({ timings, backupTimings, moments }: DrillReport): Html {
  const rows = timings.map(({ step, startedAt, seconds }) => [step, when(startedAt), howLong(seconds)]);
  return html`${timelineOf(timings)}
  ${factsOf(moments.map(({ what, at }) => [what, at === null ? mark('not reached', 'unknown') : when(at)]))}
  ${tableOf('Steps of the drill', ['Step', 'Started', 'Took'], rows)}
  ${
    backupTimings.length > 0 &&
    html`<h3>The backup it came from</h3>
      ${timelineOf(backupTimings)}`
  }`;
}

function teardown({ teardown: proof, proofs }: DrillReport): Html {
  if (proof === null)
    return html`<p>${mark('unknown')} Nothing is said about the removal of the restored copy.</p>`;
  const summary = proof.complete
    ? mark('Everything that the drill created is gone.', 'passed')
    : mark('Something is left; the sweeper tries again.', 'failed');
  return html`<p>${summary}</p>
    ${tableOf(
      'What the drill created',
      ['What', 'Gone', 'How it was seen'],
      proof.removed.map(({ what, absent, seen }) => [codeOf(what), absent ? 'yes' : 'NO', seen]),
    )}
    ${inventories(proofs.teardown)}`;
}

/** What inventories that the drill did not write to saw before and after it. */
function inventories(proof: DrillReport['proofs']['teardown']): Html {
  if (proof === null)
    return html`<p>
      Inventories before and after: ${notRecorded('there is no statement about them beside the drill')}.
    </p>`;
  const { before, after, leftovers, cost } = proof.fact;
  return factsOf([
    ['There before', before.length === 0 ? 'nothing' : listOf(before.map(codeOf))],
    ['There after', after.length === 0 ? 'nothing' : listOf(after.map(codeOf))],
    [
      'Left over',
      leftovers.length === 0
        ? mark('nothing', 'passed')
        : html`${mark('something', 'failed')} ${listOf(leftovers.map(codeOf))}`,
    ],
    [
      'Estimated cost',
      cost === null
        ? notRecorded('no rates were at hand')
        : `${cost.amount.toFixed(2)} ${cost.currency}, rates of ${cost.ratesOf}`,
    ],
    ['Statement', codeOf(proof.key)],
  ]);
}

function integrity({ integrity: proof }: DrillReport): Html {
  const { bucket, statement, versionId, sha256, signedBy, lock, protection, seal } = proof;
  return html`<p>
      This page is rendered from the statements named here and from nothing else. To check them without
      trusting it: <code>lifeboat evidence export --out DIR</code>, then
      <code>node DIR/verify.mjs --key KEY.pem</code>.
    </p>
    ${factsOf([
      ['Statement', codeOf(`${bucket}/${statement}`)],
      ['Version', codeOf(versionId)],
      ['SHA-256', codeOf(sha256)],
      ['Signed by', signedBy.map((id) => codeOf(id))],
      [
        'Object lock',
        lock === 'not asked'
          ? 'an export cannot tell; ask the bucket'
          : lock === null
            ? mark('not locked', 'failed')
            : `${lock.mode.toLowerCase()} until ${when(lock.until)}`,
      ],
      [
        'Backup’s statement',
        protection === null ? '–' : html`${codeOf(protection.key)}, SHA-256 ${codeOf(protection.sha256)}`,
      ],
      [
        'Seal',
        seal === null
          ? 'not yet sealed'
          : html`${codeOf(seal.key)} at ${when(seal.sealedAt)}, SHA-256 ${codeOf(seal.sha256)}`,
      ],
    ])}`;
}
