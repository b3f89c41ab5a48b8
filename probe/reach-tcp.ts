import { connect } from 'node:net';
import type { ProbeTarget, Reach } from './engine.ts';

/** Whether anything answers a TCP connection. Silence until the time-out, refusal and no route all count as not reached. */
export async function reachTcp(
  { host, port, localAddress }: Pick<ProbeTarget, 'host' | 'port' | 'localAddress'>,
  timeoutMs: number,
): Promise<Reach> {
  const from = localAddress === undefined ? '' : ` from ${localAddress}`;
  const where = `${host}:${port}${from}`;
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });
    const end = (reach: Reach): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reach);
    };
    const timer = setTimeout(
      () => end({ reached: false, how: `no TCP connection to ${where} within ${timeoutMs / 1000} s` }),
      timeoutMs,
    );
    socket.once('connect', () => end({ reached: true, how: `TCP connects to ${where}` }));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end({ reached: false, how: `no TCP connection to ${where} (${error.code ?? error.message})` }),
    );
  });
}
