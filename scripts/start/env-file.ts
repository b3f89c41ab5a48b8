import { renameSync, writeFileSync } from 'node:fs';

/**
 * Writes the variables that make the `lifeboat` command work from another terminal. Only the owner may read it: it leads to
 * credentials.
 */
export function writeEnvFile(file: string, variables: Readonly<Record<string, string>>): void {
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}\n`);
  const head = '# Lifeboat on this computer. Use it with: . FILE\n';
  writeFileSync(`${file}.new`, head + lines.join(''), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** For every POSIX shell, whatever is in it. */
export const quoted = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;
