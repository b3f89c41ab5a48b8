import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { HAS_OTHER_MAJORS, OTHER_MAJORS, USUAL_MAJOR, embeddedEdition } from './editions.ts';

export interface LabOptions {
  readonly what: 'damage' | 'healthy';
  readonly of: 'databases' | 'buckets';
  readonly count: number;
  readonly seed: string;
  readonly json: string | null;
  readonly atOnce: number;
  /** Only kinds of damage whose name holds this. */
  readonly only: string;
  /** Nights know the one before, and do not read again what did not change. */
  readonly remember: boolean;
  /** Name of the package with PostgreSQL's programs; undefined = the usual ones. */
  readonly embedded: string | undefined;
}

export const USAGE = `npm run lab -- damage  [--of databases|buckets] [--count N] [--seed S] [--json FILE] [--at-once N] [--only WORDS] [--remember] [--postgres MAJOR]
npm run lab -- healthy [--of databases|buckets] [--count N] [--seed S] [--json FILE] [--remember] [--postgres MAJOR]

damage   restores N copies of a busy source, does one seeded damage to each, and asks every check: none may pass
healthy  restores N copies of a source under nasty write load, and asks every check: none may fail

With --remember, nights of databases know the one before and do not read again what did not change at the source.
MAJOR is a major version of PostgreSQL, ${[...OTHER_MAJORS, USUAL_MAJOR].join(', ')}.
`;

/** @throws Error in words when the command line makes no sense. */
export function labOptions(args: readonly string[]): LabOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      of: { type: 'string', default: 'databases' },
      count: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      json: { type: 'string' },
      'at-once': { type: 'string', default: String(availableParallelism()) },
      only: { type: 'string', default: '' },
      remember: { type: 'boolean', default: false },
      postgres: { type: 'string' },
    },
  });
  const [what, ...more] = positionals;
  if ((what !== 'damage' && what !== 'healthy') || more.length > 0)
    throw new Error(`Say damage or healthy, not "${positionals.join(' ')}".`);
  if (values.of !== 'databases' && values.of !== 'buckets')
    throw new Error(`--of must be databases or buckets, not "${values.of}".`);
  return {
    what,
    of: values.of,
    count: whole(values.count, '--count'),
    seed: values.seed,
    json: values.json ?? null,
    atOnce: whole(values['at-once'], '--at-once'),
    only: values.only,
    remember: values.remember,
    embedded: embeddedOf(values.postgres),
  };
}

function embeddedOf(major: string | undefined): string | undefined {
  if (major === undefined || major === String(USUAL_MAJOR)) return undefined;
  if (!HAS_OTHER_MAJORS) throw new Error('--postgres: other versions are installed on Linux x64 only.');
  if (OTHER_MAJORS.some((other) => String(other) === major)) return embeddedEdition(Number(major));
  throw new Error(`--postgres must be one of ${[...OTHER_MAJORS, USUAL_MAJOR].join(', ')}, not "${major}".`);
}

function whole(text: string, option: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n > 0) return n;
  throw new Error(`${option} must be a whole number above 0, not "${text}".`);
}
