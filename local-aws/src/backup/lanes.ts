/** Lets work with the same key run one after the other: AWS Backup runs one job of a kind per resource. */
export class Lanes {
  readonly #tails = new Map<string, Promise<unknown>>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#tails.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === mine) this.#tails.delete(key);
    }
  }
}

/** Lets so much work with the same key run at the same time; the rest waits in the order in which it came. */
export class Slots {
  readonly #limit: () => number;
  readonly #running = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  async run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    while ((this.#running.get(key) ?? 0) >= this.#limit()) await this.#turn(key, signal);
    this.#running.set(key, (this.#running.get(key) ?? 0) + 1);
    try {
      return await work();
    } finally {
      this.#running.set(key, (this.#running.get(key) ?? 1) - 1);
      this.#waiting.get(key)?.shift()?.();
    }
  }

  /** Resolves when somebody has left. @throws the signal's reason */
  async #turn(key: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const queue = this.#waiting.get(key) ?? [];
    this.#waiting.set(key, queue);
    let wake: () => void = () => undefined;
    const left = new Promise<void>((resolve) => (wake = resolve));
    queue.push(wake);
    signal.addEventListener('abort', wake, { once: true });
    await left;
    signal.removeEventListener('abort', wake);
    if (!signal.aborted) return;
    const at = queue.indexOf(wake);
    if (at >= 0) queue.splice(at, 1);
    else queue.shift()?.(); // woken and aborted at once: the turn is the next one's
    signal.throwIfAborted();
  }
}
