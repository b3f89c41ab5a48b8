import type { Coverage } from '../index.ts';
import { failureTable } from './failure-table.ts';
import { operationsTable } from './operations-table.ts';

/**
 * The README with its tables as code and tests say them.
 * @throws Error when the README has lost its markers.
 */
export function written(readme: string, operations: Readonly<Record<string, Coverage>>): string {
  return withTable(withTable(readme, 'operations', operationsTable(operations)), 'failures', failureTable());
}

function withTable(readme: string, name: string, table: string): string {
  const [from, to] = [`<!-- ${name}: begin, written by src/readme/write.ts -->`, `<!-- ${name}: end -->`];
  const begin = readme.indexOf(from);
  const end = readme.indexOf(to);
  if (begin === -1 || end < begin) throw new Error(`The README needs the lines ${from} and ${to}.`);
  return `${readme.slice(0, begin + from.length)}\n\n${table}\n\n${readme.slice(end)}`;
}
