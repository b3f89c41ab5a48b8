import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCES = join(PACKAGE, 'src');
const BUNDLES = join(PACKAGE, 'dist');
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * The program as a few JavaScript files, made at the first start after any source has changed: its name is the digest of all
 * sources, so it is never an old one.
 * @returns {Promise<string | undefined>} a file URL; undefined where this user may not write beside the sources
 */
export async function bundled() {
  const folder = join(BUNDLES, digestOfSources());
  if (!existsSync(folder) && !(await build(folder))) return undefined;
  return pathToFileURL(join(folder, 'main.js')).href;
}

function digestOfSources() {
  const hash = createHash('sha256');
  // package.json pins the bundler, this file holds its options.
  const files = [join(PACKAGE, 'package.json'), fileURLToPath(import.meta.url)];
  const names = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  for (const file of [...files, ...names.sort().map((name) => join(SOURCES, name))]) {
    const text = readFileSync(file);
    hash.update(`${file.slice(PACKAGE.length)} ${text.length}\n`).update(text);
  }
  return `bundle-${hash.digest('hex').slice(0, 32)}`;
}

/** @param {string} folder appears whole or not at all, also when several starts make it at once */
async function build(folder) {
  const unfinished = `${folder}.${process.pid}`;
  try {
    mkdirSync(unfinished, { recursive: true });
  } catch {
    return false;
  }
  try {
    const { buildSync } = await import('esbuild');
    buildSync({
      ...{ entryPoints: [join(SOURCES, 'cli', 'main.ts')], outdir: unfinished, absWorkingDir: PACKAGE },
      ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20.19' },
      ...{
        packages: 'external',
        sourcemap: 'linked',
        sourcesContent: false,
        logLevel: 'silent',
        legalComments: 'none',
      },
      // Whatever tsconfig.json lies above; as there, an import stays unless it says that it is of a type.
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    });
    renameSync(unfinished, folder);
  } catch (err) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(folder)) throw err;
  }
  forgetOthers(folder);
  return true;
}

/** A server may still run from one of today's. */
function forgetOthers(folder) {
  for (const name of readdirSync(BUNDLES)) {
    const other = join(BUNDLES, name);
    if (other === folder || !name.startsWith('bundle-')) continue;
    const madeAt = statSync(other, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - madeAt > DAY_MS) rmSync(other, { recursive: true, force: true });
  }
}
