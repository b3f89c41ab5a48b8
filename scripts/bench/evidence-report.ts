// One report of an exported folder, in a process of its own, so that its memory is its own: evidence-report.ts NAME DIR OUT
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { promiseReport } from '../../evidence/promises/report.ts';
import { recordOf } from '../../evidence/promises/record.ts';
import { monthlyOf } from '../../evidence/reports/monthly.ts';
import { monthlyPage } from '../../evidence/reports/monthly-page.ts';
import { populationOf } from '../../evidence/reports/population.ts';
import { populationPage } from '../../evidence/reports/population-page.ts';
import { promisesPage } from '../../evidence/reports/promises-page.ts';
import { basisOf, readNights, sourceInFolder } from '../../evidence/reports/source.ts';
import type { Basis, EvidenceSource } from '../../evidence/reports/source.ts';

const HOLDS = [
  { kind: 'backed-up', every: '24h' },
  { kind: 'recovered', within: '2d' },
  { kind: 'encrypted' },
  { kind: 'other-region' },
  { kind: 'immutable' },
  { kind: 'kept', atLeast: '30d' },
  { kind: 'points', count: 30 },
  { kind: 'rto', atMost: '4h' },
] as const;

async function pageOf(name: string, source: EvidenceSource, basis: Basis): Promise<string> {
  const period = { from: null, to: null };
  if (name === 'promises') {
    const record = recordOf(basis);
    for await (const night of readNights(source, basis)) record.add(night);
    const told = record.record();
    const day = (ms: number | undefined): string => new Date(ms ?? 0).toISOString().slice(0, 10);
    const asked = { from: day(told.slots[0]), to: day(told.slots.at(-1)) };
    const promises = [{ name: 'all', says: 'all is well', holds: [...HOLDS] }];
    return promisesPage(promiseReport('Promises', promises, told, asked));
  }
  const collected = name === 'population' ? populationOf(basis, period) : monthlyOf(basis, period);
  const wanted = name === 'population' ? () => false : () => true;
  for await (const night of readNights(source, basis, wanted)) collected.add(night);
  const report = collected.report();
  return report.format === 'lifeboat-population-report/v1' ? populationPage(report) : monthlyPage(report);
}

const [name = '', dir = '', out = ''] = process.argv.slice(2);
const start = performance.now();
const source = sourceInFolder(dir);
const basis = basisOf(source);
const page = await pageOf(name, source, basis);
const file = createWriteStream(out);
file.end(page);
await once(file, 'finish');
const seconds = (performance.now() - start) / 1000;
const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
if (basis.problems[0] !== undefined) throw new Error(basis.problems[0]);
process.stdout.write(
  `${seconds.toFixed(1)} s, page of ${(page.length / 1e6).toFixed(1)} MB, ${basis.statements} statements read, ${megabytes} MB at most`,
);
