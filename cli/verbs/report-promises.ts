import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { promiseCatalogue } from '../../domain/policy/promise-schema.ts';
import { parameters } from '../../domain/policy/rules/promises.ts';
import { duration } from '../../domain/units.ts';
import { promiseReport, promisesCsv } from '../../evidence/promises/report.ts';
import { recordOf } from '../../evidence/promises/record.ts';
import { promisesPage } from '../../evidence/reports/promises-page.ts';
import { CouldNot, EXIT, type ExitStatus } from '../exit-status.ts';
import { dayBefore, periodOf, toStandardOutput, withNights, writeReport } from '../report-output.ts';
import { said } from './report-period.ts';
import type { PublishedPromise } from '../../domain/promises.ts';
import type { PeriodOptions } from '../report-output.ts';
import type { World } from '../world.ts';

const DAY = 86_400;

/** `lifeboat report promises`: exit status 0 only when every promise is kept. */
export async function reportPromises(
  world: World,
  options: PeriodOptions & { readonly catalogue?: string },
): Promise<ExitStatus> {
  const { title, promises } =
    options.catalogue === undefined ? ofPolicy(world) : ofCatalogue(options.catalogue);
  const asked = periodOf(world, options);
  // What was there before the period decides whether it began in order.
  const reach = asked.from === null ? null : dayBefore(asked.from, lookBack(promises));
  const record = await withNights(world, options, { ...asked, from: reach }, async ({ basis, nights }) => {
    const collected = recordOf(basis);
    for await (const night of nights()) collected.add(night);
    return collected.record();
  });
  const day = (ms: number | null | undefined): string =>
    new Date(ms ?? world.now().getTime()).toISOString().slice(0, 10);
  const period = { from: asked.from ?? day(record.slots[0]), to: asked.to ?? day(record.slots.at(-1)) };
  const report = promiseReport(title, promises, record, period);
  await writeReport(world, options, {
    report,
    html: () => promisesPage(report),
    csv: () => promisesCsv(report),
  });
  const { terminal } = world;
  const kept = report.promises.every(({ answer }) => answer === 'kept');
  if (toStandardOutput(options)) return kept ? EXIT.ok : EXIT.notVerified;
  terminal.say(`${title}, ${period.from} to ${period.to}`);
  const styles = { kept: 'green', broken: 'red', 'not provable': 'yellow' } as const;
  for (const { name, says, answer, predicates } of report.promises) {
    terminal.say(`${terminal.paint(styles[answer], answer)}  ${name}: ${says}`);
    for (const { predicate, answer: part, findings } of predicates) {
      const why = findings.find((finding) => finding.answer === part)?.because ?? '';
      terminal.say(`  ${terminal.paint(styles[part], part)}: ${predicate} (${why})`);
    }
  }
  const status = said(world, report.basis);
  return kept ? status : EXIT.notVerified;
}

interface Asked {
  readonly title: string;
  readonly promises: readonly PublishedPromise[];
}

function ofPolicy(world: World): Asked {
  const { policy, file } = world.policy();
  if (policy.promises.length === 0)
    throw new CouldNot(
      `${file} promises nothing.`,
      'Add promises (examples/promises-*.yaml shows some), or name a catalogue: --catalogue examples/controls/soc2.yaml.',
    );
  return { title: `Promises of the policy ${policy.name}`, promises: policy.promises };
}

/** @throws CouldNot that names what is wrong in the file. */
function ofCatalogue(file: string): Asked {
  let read: unknown;
  try {
    read = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new CouldNot(`The catalogue ${file} cannot be read: ${(error as Error).message}.`, '', error);
  }
  const result = promiseCatalogue.safeParse(read);
  if (!result.success)
    throw new CouldNot(`${file} is no catalogue of promises:\n${z.prettifyError(result.error)}`);
  const { catalogue, promises } = result.data;
  const wrong = promises.flatMap(({ name, holds }) =>
    holds.flatMap((one) => parameters(one, []).map(({ message }) => `${name}: a predicate ${message}`)),
  );
  if (wrong.length > 0) throw new CouldNot(`${file} is no catalogue of promises:\n${wrong.join('\n')}`);
  return { title: `Controls of ${catalogue}`, promises };
}

/** Days before the period that must be known, too: as long as the longest time that is promised. */
function lookBack(promises: readonly PublishedPromise[]): number {
  const lengths = promises.flatMap(({ holds }) =>
    holds.flatMap(({ every, within, atLeast, count }) => [
      ...[every, within, atLeast].flatMap((text) => (text === undefined ? [] : duration(text) / DAY)),
      ...(count === undefined ? [] : [count]),
    ]),
  );
  return Math.ceil(Math.max(2, ...lengths)) + 1;
}
