import { type KeyAccess, KeyNotUsable } from '../../platform.ts';
import type { Call } from '../../wire/handlers.ts';

/** Whether the caller may do `action` with a key; no key is always usable. Each key is asked for once. */
export function usableKeys(
  keys: KeyAccess,
  call: Call,
  action: string,
): (keyArn: string | undefined) => boolean {
  const known = new Map<string, boolean>();
  return (keyArn) => {
    if (keyArn === undefined) return true;
    const usable = known.get(keyArn) ?? isUsable(keys, call, action, keyArn);
    known.set(keyArn, usable);
    return usable;
  };
}

function isUsable(keys: KeyAccess, call: Call, action: string, keyArn: string): boolean {
  try {
    keys.requireUsable(keyArn, call, [action]);
    return true;
  } catch (cause) {
    if (cause instanceof KeyNotUsable) return false;
    throw cause;
  }
}
