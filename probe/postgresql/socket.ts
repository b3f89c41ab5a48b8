import net from 'node:net';
import tls from 'node:tls';
import type { ProbeTarget } from '../engine.ts';

/** A socket that leaves from `localAddress`. `pg` calls `connect(port, host)` and cannot pass it on by itself. */
export function socketFrom(localAddress: string | undefined): net.Socket {
  const socket = new net.Socket();
  if (localAddress === undefined) return socket;
  const connect = socket.connect.bind(socket);
  const bound = (port: number, host: string) => connect({ port, host, localAddress });
  return Object.assign(socket, { connect: bound });
}

/** TLS as it must be: the authority is the given one alone, and the name is the expected one. */
export function tlsOptions({
  ca,
  serverName,
}: Pick<ProbeTarget, 'ca' | 'serverName'>): tls.ConnectionOptions {
  if (serverName === undefined) return { ca, rejectUnauthorized: true };
  const checkServerIdentity: typeof tls.checkServerIdentity = (_host, certificate) =>
    tls.checkServerIdentity(serverName, certificate);
  return { ca, rejectUnauthorized: true, servername: serverName, checkServerIdentity };
}
