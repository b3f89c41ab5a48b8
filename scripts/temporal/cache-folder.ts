import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The user's cache folder for Lifeboat: `XDG_CACHE_HOME` where it is set, else what the platform uses. Everything in it can be fetched again. */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: string = process.platform,
): string {
  const xdg = env.XDG_CACHE_HOME;
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'lifeboat');
  return platform === 'darwin'
    ? join(homedir(), 'Library', 'Caches', 'lifeboat')
    : join(homedir(), '.cache', 'lifeboat');
}
