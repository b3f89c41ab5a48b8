import { readFile } from 'node:fs/promises';

const FOLDER = new URL('../../infra/iam/', import.meta.url);

/** Values for the placeholders of infra/iam, which are written `${LIKE_THIS}`. Policy variables of AWS, `${aws:…}`, are left alone. */
export type Placeholders = Readonly<Record<string, string>>;

/**
 * A policy document of infra/iam with its placeholders filled in.
 * @throws Error when a placeholder has no value: a policy with a hole in it would be refused, or worse, accepted.
 */
export async function policyDocument(name: string, values: Placeholders): Promise<string> {
  const text = await readFile(new URL(name, FOLDER), 'utf8');
  const filled = text.replace(/\$\{([A-Z_]+)\}/g, (_all, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`infra/iam/${name} needs a value for ${key}`);
    return value;
  });
  return JSON.stringify(JSON.parse(filled));
}
