import { populationCsv, populationOf } from '../../evidence/reports/population.ts';
import { populationPage } from '../../evidence/reports/population-page.ts';
import { monthlyCsv, monthlyOf } from '../../evidence/reports/monthly.ts';
import { monthlyPage } from '../../evidence/reports/monthly-page.ts';
import { restoresCsv, restoresOf } from '../../evidence/reports/restores.ts';
import { restoresPage } from '../../evidence/reports/restores-page.ts';
import { count, howLong, some, when } from '../../domain/words.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { periodOf, toStandardOutput, withNights, writeReport } from '../report-output.ts';
import { painted, table } from '../terminal.ts';
import type { Basis } from '../../evidence/reports/source.ts';
import type { PeriodOptions } from '../report-output.ts';
import type { World } from '../world.ts';

/** `lifeboat report population`. Exit status 1 when some of the evidence does not hold. */
export async function reportPopulation(world: World, options: PeriodOptions): Promise<ExitStatus> {
  const period = periodOf(world, options);
  const report = await withNights(world, options, period, async ({ basis, nights }) => {
    const population = populationOf(basis, period);
    // Populations are in the seals; no statement has to be read for them.
    for await (const night of nights(() => false)) population.add(night);
    return population.report();
  });
  await writeReport(world, options, {
    report,
    html: () => populationPage(report),
    csv: () => populationCsv(report),
  });
  if (toStandardOutput(options)) return statusOf(report.basis);
  const { terminal } = world;
  const rows = report.resources.map(({ resource, counts, lastPassed, runs }) => [
    resource,
    painted(terminal, runs.at(-1)?.end ?? 'nothing'),
    Object.entries(counts)
      .map(([end, n]) => `${n} ${end}`)
      .join(', '),
    lastPassed === null ? 'never' : when(lastPassed),
  ]);
  for (const line of table(['resource', 'last slot', 'slots', 'last passed'], rows)) terminal.say(line);
  terminal.say(
    `${some(report.slots.length, 'slot')}, ${some(report.cells, 'cell')}: ${Object.entries(report.counts)
      .map(([end, n]) => `${count(n)} ${end}`)
      .join(', ')}`,
  );
  for (const { after, slots } of report.silence)
    terminal.say(terminal.paint('red', `${some(slots, 'night')} without evidence after ${when(after)}`));
  return said(world, report.basis);
}

/** `lifeboat report monthly`. */
export async function reportMonthly(world: World, options: PeriodOptions): Promise<ExitStatus> {
  const period = periodOf(world, options);
  const report = await withNights(world, options, period, async ({ basis, nights }) => {
    const month = monthlyOf(basis, period);
    for await (const night of nights()) month.add(night);
    return month.report();
  });
  await writeReport(world, options, {
    report,
    html: () => monthlyPage(report),
    csv: () => monthlyCsv(report),
  });
  if (toStandardOutput(options)) return statusOf(report.basis);
  const { terminal } = world;
  const { population, nights, failures, restores } = report;
  terminal.say(
    `${some(nights.length, 'night')} with drills, ${some(report.drills, 'drill')}, ${some(failures.length, 'drill')} that did not pass, ${some(restores, 'restore')} by request`,
  );
  terminal.say(
    Object.entries(population.counts)
      .map(([end, n]) => `${painted(terminal, end)} ${count(n)}`)
      .join(', '),
  );
  return said(world, report.basis);
}

/** `lifeboat report restore [REQUEST]`. */
export async function reportRestores(
  world: World,
  request: string | undefined,
  options: PeriodOptions,
): Promise<ExitStatus> {
  const period = periodOf(world, options);
  const report = await withNights(world, options, period, async ({ basis, nights }) => {
    const restores = restoresOf(basis, period, request);
    for await (const night of nights((key) => !/\/(drill|protection)\.json$/.test(key))) restores.add(night);
    return restores.report();
  });
  await writeReport(world, options, {
    report,
    html: () => restoresPage(report),
    csv: () => restoresCsv(report),
  });
  if (toStandardOutput(options)) return statusOf(report.basis);
  const { terminal } = world;
  const rows = report.restores.map(({ request: name, fact, state, accessSeconds }) => [
    name,
    fact.resource.name,
    fact.requestedBy,
    fact.verdict === null ? 'none' : painted(terminal, fact.verdict),
    state,
    accessSeconds === null ? '' : howLong(accessSeconds),
  ]);
  for (const line of table(['request', 'resource', 'by', 'verdict', 'state', 'access'], rows))
    terminal.say(line);
  return said(world, report.basis);
}

/** Says what does not hold; with that, nothing is verified. */
export function said({ terminal }: World, basis: Basis): ExitStatus {
  for (const problem of basis.problems.slice(0, 10)) terminal.warn(`evidence that does not hold: ${problem}`);
  terminal.say(
    `from ${some(basis.seals, 'seal')} and ${some(basis.statements, 'statement')} of ${basis.bucket}, ${basis.where}`,
  );
  return statusOf(basis);
}

export const statusOf = ({ problems }: Basis): ExitStatus =>
  problems.length === 0 ? EXIT.ok : EXIT.notVerified;
