import { createServer } from 'node:net';

/** Whether this computer owns `address`. Linux owns all of 127.0.0.0/8; macOS only 127.0.0.1 until aliases are added. */
export async function canListenOn(address: string): Promise<boolean> {
  return (await tryPort(address, 0)) !== undefined;
}

/** A port of `address` that nobody listens on now: `wanted` when it is free, else one chosen by the system. */
export async function freePort(address: string, wanted?: number): Promise<number> {
  const port =
    (wanted !== undefined ? await tryPort(address, wanted) : undefined) ?? (await tryPort(address, 0));
  if (port === undefined) throw new Error(`No server can listen on ${address} on this computer.`);
  return port;
}

function tryPort(address: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, address, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound ? bound.port : undefined));
    });
  });
}
