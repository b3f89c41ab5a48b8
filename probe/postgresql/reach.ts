import type net from 'node:net';
import tls from 'node:tls';
import type { ProbeTarget, Reach } from '../engine.ts';
import { socketFrom } from './socket.ts';

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
/** PostgreSQL's `pg_hba.conf` turned the address away before asking who we are. */
const NO_ENTRY = '28000';

/**
 * Knocks as a stranger would: TCP, TLS, then a start-up packet with a made-up name and no password. Only three things count as
 * not reached: no TCP connection, silence, and a server that refuses the address itself.
 */
export async function reach(
  { host, port, localAddress }: Pick<ProbeTarget, 'host' | 'port' | 'localAddress'>,
  timeoutMs: number,
): Promise<Reach> {
  const from = localAddress === undefined ? '' : ` from ${localAddress}`;
  const socket = socketFrom(localAddress);
  const timer = setTimeout(() => socket.destroy(new Error('ETIMEDOUT')), timeoutMs);
  try {
    await event(socket, 'connect', () => socket.connect(port, host));
  } catch (error) {
    clearTimeout(timer);
    socket.destroy();
    return { reached: false, how: `no TCP connection${from} to ${host}:${port} (${codeOf(error)})` };
  }
  try {
    return await knock(socket, `${host}:${port}${from}`);
  } catch (error) {
    return { reached: true, how: `TCP connects${from} to ${host}:${port}, then ${codeOf(error)}` };
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function knock(socket: net.Socket, where: string): Promise<Reach> {
  socket.write(SSL_REQUEST);
  const offer = (await firstBytes(socket)).toString('latin1', 0, 1);
  // The certificate is not checked: whoever answers, something was reached.
  const channel = offer === 'S' ? tls.connect({ socket, rejectUnauthorized: false }) : socket;
  if (channel !== socket) await event(channel, 'secureConnect');
  channel.write(startupPacket({ user: 'lifeboat_fence', database: 'postgres' }));
  const answer = await firstBytes(channel);
  const kind = answer.toString('latin1', 0, 1);
  if (kind !== 'E') return { reached: true, how: `${where} answers and asks who is there` };
  const sqlState = /\0C([0-9A-Z]{5})\0/.exec(answer.toString('latin1'))?.[1] ?? 'unknown';
  if (sqlState === NO_ENTRY) {
    return { reached: false, how: `${where} accepts TCP but refuses this address before any login (28000)` };
  }
  return { reached: true, how: `${where} answers with SQLSTATE ${sqlState}` };
}

function startupPacket(parameters: Readonly<Record<string, string>>): Buffer {
  const body = Buffer.from(`${Object.entries(parameters).flat().join('\0')}\0\0`, 'utf8');
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, body]);
}

function firstBytes(stream: net.Socket): Promise<Buffer> {
  return event(stream, 'data') as Promise<Buffer>;
}

/** Waits for one event; an error or the end of the stream rejects. */
function event(stream: net.Socket, name: string, start: () => void = () => undefined): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onEvent = (value: unknown) => settle(() => resolve(value));
    const onError = (error: Error) => settle(() => reject(error));
    const onClose = () => settle(() => reject(new Error('the connection was closed')));
    const settle = (outcome: () => void) => {
      stream.off(name, onEvent).off('error', onError).off('close', onClose);
      outcome();
    };
    stream.once(name, onEvent).once('error', onError).once('close', onClose);
    start();
  });
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === 'string' ? code : typeof message === 'string' ? message : 'unknown cause';
}
