import { createServer } from 'node:net';

/** @returns null when `port` can be listened on, else why not, in words. */
export async function portProblem(ip: string, port: number): Promise<string | null> {
  try {
    await listenOnce(ip, port);
    return null;
  } catch (err) {
    const { code, message } = err as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') return 'another program is using it. End that program or choose another port.';
    if (code === 'EACCES') return 'this user may not listen on it. Choose a port above 1023.';
    return message;
  }
}

/** A port that was free a moment ago; the kernel does not hand it out again soon. */
export async function chooseFreePort(ip: string): Promise<number> {
  return listenOnce(ip, 0);
}

async function listenOnce(ip: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: ip, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('the system gave no port'));
        else resolve(address.port);
      });
    });
  });
}
