import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { AdminRefusal, type AdminRegistry } from './platform.ts';

type Handle = (input: Record<string, unknown>) => Promise<unknown>;

export interface Admin extends AdminRegistry {
  readonly server: Server;
}

const MAX_BODY_BYTES = 1024 * 1024;

/** JSON over HTTP on its own loopback port: status, clock, events, faults, damage. Never for the product. */
export function createAdmin(log: Logger): Admin {
  const routes = new Map<string, Handle>();
  const blocks = new Map<string, () => unknown>();
  const admin: AdminRegistry = {
    route: (method, path, handle) => void routes.set(`${method} ${path}`, handle),
    status: (name, describe) => void blocks.set(name, describe),
  };
  admin.route('GET', '/status', async () =>
    Object.fromEntries([...blocks].map(([name, describe]) => [name, describe()])),
  );
  const server = createServer((message, response) => {
    void answer(message, routes).then(
      ({ status, body }) => send(response, status, body),
      (err: unknown) => {
        const refused = err instanceof AdminRefusal;
        if (!refused) log.error({ err }, 'admin request failed');
        const error = err instanceof Error ? err.message : String(err);
        send(response, refused ? err.statusCode : 500, { error });
      },
    );
  });
  return { ...admin, server };
}

async function answer(
  message: IncomingMessage,
  routes: ReadonlyMap<string, Handle>,
): Promise<{ status: number; body: unknown }> {
  const host = message.headers.host ?? '';
  if (!/^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host))
    throw new AdminRefusal(`Only loopback may ask; got the host '${host}'.`, 403);
  // A web page could post forms to loopback; it cannot post JSON without being asked for permission first.
  if (message.method === 'POST' && !(message.headers['content-type'] ?? '').startsWith('application/json')) {
    throw new AdminRefusal('POST needs content-type application/json.', 415);
  }
  const url = new URL(message.url ?? '/', 'http://localhost');
  const handle = routes.get(`${message.method ?? 'GET'} ${url.pathname}`);
  if (!handle)
    throw new AdminRefusal(
      `No ${message.method ?? ''} ${url.pathname} here. There is: ${[...routes.keys()].join(', ')}.`,
      404,
    );
  const body = await readJson(message);
  return { status: 200, body: await handle({ ...Object.fromEntries(url.searchParams), ...body }) };
}

async function readJson(message: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of message as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BODY_BYTES) throw new AdminRefusal('The body is too large.', 413);
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString('utf8').trim();
  if (text === '') return {};
  try {
    const parsed = JSON.parse(text) as unknown;
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch (cause) {
    throw new AdminRefusal(
      `The body is not valid JSON: ${cause instanceof Error ? cause.message : 'unreadable'}.`,
    );
  }
  throw new AdminRefusal('The body must be a JSON object.');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body ?? {}, undefined, 2)}\n`;
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
}
