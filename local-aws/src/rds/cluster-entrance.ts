import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/**
 * The reader endpoint: passes connections on, byte by byte, to the readers in turn. TLS is between client and database. A database
 * sees the client's own address, so its rules about networks hold here, too.
 */
export class ReaderEntrance {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #targets: readonly Target[] = [];
  #next = 0;

  private constructor() {
    this.#server = createServer((socket) => this.#pass(socket));
  }

  /** @throws when the address and port are taken. */
  static async open({ host, port }: Target): Promise<ReaderEntrance> {
    const entrance = new ReaderEntrance();
    await new Promise<void>((resolve, reject) => {
      entrance.#server.once('error', reject);
      entrance.#server.listen(port, host, resolve);
    });
    entrance.#server.unref();
    return entrance;
  }

  /** Connections that are open stay where they are. */
  lead(targets: readonly Target[]): void {
    this.#targets = targets;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #pass(client: Socket): void {
    const target = this.#targets[this.#next++ % Math.max(1, this.#targets.length)];
    if (!target) {
      client.destroy();
      return;
    }
    const from = client.remoteAddress;
    const database = connect({ ...target, ...(from !== undefined && { localAddress: from }) });
    for (const [socket, other] of [
      [client, database],
      [database, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
