import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STATUS_FILE } from '../state-folder.ts';

export interface WhereOptions {
  readonly state: string;
  readonly admin?: string;
}

/** The admin endpoint: as given, else from the environment, else as the state folder's running server says. */
export function adminEndpoint({ state, admin }: WhereOptions): string {
  const given = admin ?? process.env['LIFEBOAT_LOCAL_AWS_ADMIN'];
  if (given !== undefined && given !== '') return loopback(given).replace(/\/$/, '');
  try {
    const status = JSON.parse(readFileSync(join(state, STATUS_FILE), 'utf8')) as { adminEndpoint: string };
    return status.adminEndpoint;
  } catch {
    throw new Error(
      `No server is running on ${state}. Start one, or say where it is with --state or --admin.`,
    );
  }
}

/** The admin endpoint exists on loopback only; anything else is a mistake, or a trap. */
function loopback(url: string): string {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  if (host === '127.0.0.1' || host === 'localhost') return url;
  throw new Error(`'${url}' is no admin endpoint: it must be http://127.0.0.1:PORT.`);
}

export async function ask(
  where: WhereOptions,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
): Promise<unknown> {
  const endpoint = adminEndpoint(where);
  const request: RequestInit =
    body === undefined
      ? { method }
      : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  let response: Response;
  try {
    response = await fetch(endpoint + path, request);
  } catch {
    throw new Error(`The server at ${endpoint} does not answer. Is it running?`);
  }
  const answer = (await response.json()) as { error?: string };
  if (!response.ok) throw new Error(answer.error ?? `The server refused with status ${response.status}.`);
  return answer;
}
