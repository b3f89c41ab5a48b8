import { Worker } from 'node:worker_threads';

/** One thread for the digests that take long, so that they and the network have a processor each. */

export const BLOCK_BYTES = 1024 * 1024;
const SPARE_BLOCKS = 6;

/** What one thread fills and another reads. */
export interface Block {
  readonly shared: SharedArrayBuffer;
  readonly bytes: Uint8Array;
}

/** Hashes of node:crypto, by its names for them. */
export type ThreadHash = 'md5' | 'sha1' | 'sha256';

/** As text, since it must start in a bundle, from the sources and under test alike. Each message gets one answer, in their order. */
const PROGRAM = `
const { createHash } = require('node:crypto');
const { parentPort } = require('node:worker_threads');
const jobs = new Map();
const work = {
  start: ({ job, names }) => void jobs.set(job, names.map((name) => createHash(name))),
  update: ({ job, shared, length }) => {
    for (const hash of jobs.get(job)) hash.update(new Uint8Array(shared, 0, length));
  },
  end: ({ job }) => {
    const digests = jobs.get(job).map((hash) => hash.digest('base64'));
    jobs.delete(job);
    return digests;
  },
  forget: ({ job }) => void jobs.delete(job),
};
parentPort.on('message', (message) => parentPort.postMessage(work[message.what](message)));
`;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (err: unknown) => void;
}

export interface ThreadJob {
  /** Resolves when the block may be filled anew. */
  update(block: Block, length: number): Promise<void>;
  /** Base64, in the order of the names. */
  end(): Promise<readonly string[]>;
  /** Instead of `end`. */
  forget(): void;
}

export class HashThread {
  #worker: Worker | undefined;
  readonly #waiting: Waiting[] = [];
  readonly #spare: Block[] = [];
  #jobs = 0;

  start(names: readonly ThreadHash[]): ThreadJob {
    const job = (this.#jobs += 1);
    const heard = this.#ask({ what: 'start', job, names });
    heard.catch(() => undefined); // whatever ended the thread ends the next question, too
    return {
      update: async ({ shared }, length) => {
        await this.#ask({ what: 'update', job, shared, length });
      },
      end: async () => (await this.#ask({ what: 'end', job })) as readonly string[],
      forget: () => {
        this.#ask({ what: 'forget', job }).catch(() => undefined);
      },
    };
  }

  takeBlock(): Block {
    const spare = this.#spare.pop();
    if (spare) return spare;
    const shared = new SharedArrayBuffer(BLOCK_BYTES);
    return { shared, bytes: new Uint8Array(shared) };
  }

  giveBack(block: Block): void {
    if (this.#spare.length < SPARE_BLOCKS) this.#spare.push(block);
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  async #ask(message: object): Promise<unknown> {
    const worker = (this.#worker ??= this.#begin());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.postMessage(message);
    });
  }

  #begin(): Worker {
    const worker = new Worker(PROGRAM, {
      ...{ eval: true, execArgv: [], name: 'local-aws digests' },
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
    });
    worker.unref();
    worker.on('message', (answer) => this.#waiting.shift()?.resolve(answer));
    const end = (err: Error): void => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject } of this.#waiting.splice(0)) reject(err);
    };
    worker.once('error', end);
    worker.once('exit', () => end(new Error('The thread that digests objects has ended.')));
    return worker;
  }
}
