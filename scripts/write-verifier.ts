// Writes evidence/verify.mjs, the verifier in one file, from the modules that the product itself verifies with.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';

const VERIFIER = new URL('../evidence/verifier/', import.meta.url);
/** In an order in which each module only needs those before it. */
const MODULES = ['envelope', 'seal-format', 'report', 'folder', 'chain', 'slots', 'verify-export', 'main'];
const TARGET = new URL('../evidence/verify.mjs', import.meta.url);
const SCHEMAS = fileURLToPath(new URL('../evidence/schemas', import.meta.url));
const HEADER = `#!/usr/bin/env node
// Verifies an export of Lifeboat's evidence, offline: node verify.mjs [DIR] [--key FILE]. Needs Node 20 or later and nothing else.
// Generated from evidence/verifier/*.ts by scripts/write-verifier.ts; the same code runs in \`lifeboat evidence verify\`.
`;

/** Types are erased, imports from node: go to the top, imports between the modules fall away. Comments stay: people read this file. */
export async function bundleVerifier(): Promise<string> {
  const builtins = new Map<string, Set<string>>();
  const bodies = MODULES.map((name) => {
    const source = readFileSync(new URL(`${name}.ts`, VERIFIER), 'utf8');
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
      },
    });
    const body = outputText.replaceAll(
      /^import (?:\{([^}]*)\} from )?'([^']+)';\n/gm,
      (_line, names: string, from: string) => {
        if (!from.startsWith('node:')) {
          if (from.startsWith('./')) return '';
          throw new Error(`evidence/verifier/${name}.ts imports ${from}; the verifier must stand alone`);
        }
        const known = builtins.get(from) ?? new Set<string>();
        for (const part of names.split(',')) known.add(part.trim());
        builtins.set(from, known);
        return '';
      },
    );
    return `// --- ${name} ---\n\n${body.replaceAll(/^export /gm, '')}`;
  });
  const imports = [...builtins]
    .sort()
    .map(([from, names]) => `import { ${[...names].sort().join(', ')} } from '${from}';\n`);
  const config = await resolveConfig(fileURLToPath(TARGET));
  return format(`${HEADER}${imports.join('')}\n${bodies.join('\n')}`, { ...config, parser: 'babel' });
}

// Usage: write-verifier.ts [FILE]; the build passes dist/evidence/verify.mjs, because tsc copies neither JavaScript nor the schemas beside it.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = process.argv[2];
  writeFileSync(file ?? TARGET, await bundleVerifier());
  if (file !== undefined) cpSync(SCHEMAS, join(dirname(file), 'schemas'), { recursive: true });
}
