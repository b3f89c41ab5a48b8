import { JobFailure } from '../faults.ts';

/** Restore metadata are text; these read the values in it. @throws JobFailure naming the key */

export function truth(key: string, value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw new JobFailure(`Restore metadata: ${key} must be "true" or "false", not "${value}".`);
}

export function number(key: string, value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  throw new JobFailure(`Restore metadata: ${key} must be a number, not "${value}".`);
}

export function list(key: string, value: string): string[] {
  try {
    const parsed: unknown = JSON.parse(value);
    if (Array.isArray(parsed) && parsed.every((item) => typeof item === 'string')) return parsed;
  } catch {
    // said below, in the words of the metadata
  }
  throw new JobFailure(`Restore metadata: ${key} must be a JSON list of strings, not ${value}.`);
}

/**
 * Settings that cannot be changed here; metadata that were read and passed back hold them, too.
 * @param fixed the only value that is possible, by key.
 */
export function requireUnchanged(
  key: string,
  value: string,
  fixed: Readonly<Record<string, string | undefined>>,
): void {
  if (!(key in fixed)) throw new JobFailure(`Restore metadata contains the unknown key ${key}.`);
  if (value !== fixed[key])
    throw new JobFailure(
      `Restore metadata asks for ${key}=${value}; only ${fixed[key] ?? ''} is possible here.`,
    );
}
