import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';
import { policySchema } from '../domain/policy/schema.ts';

/** What editors read to complete and check `lifeboat.yaml`; `lifeboat validate` knows more, since it also compares values. */
export const SCHEMA_FILE = fileURLToPath(new URL('../docs/lifeboat.schema.json', import.meta.url));

export async function policyJsonSchema(): Promise<string> {
  const schema = z.toJSONSchema(policySchema, { io: 'input' });
  const title = 'Lifeboat policy (lifeboat.yaml)';
  return format(JSON.stringify({ ...schema, title }), {
    ...(await resolveConfig(SCHEMA_FILE)),
    parser: 'json',
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = await policyJsonSchema();
  const before = await readFile(SCHEMA_FILE, 'utf8').catch(() => '');
  await writeFile(SCHEMA_FILE, text);
  console.log(before === text ? `${SCHEMA_FILE} was up to date` : `${SCHEMA_FILE} written`);
}
