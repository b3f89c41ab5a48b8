import { MAX_FINDINGS, type Finding } from '../../domain/verdict.ts';

/** Findings of a comparison of very many objects: all are counted, the first of each severity are kept. */
export class Findings {
  readonly #kept: Finding[];
  #omitted: number;

  constructor({ kept = [], omitted = 0 }: { kept?: readonly Finding[]; omitted?: number } = {}) {
    this.#kept = [...kept];
    this.#omitted = omitted;
  }

  add(finding: Finding): void {
    const alike = this.#kept.filter(({ severity }) => severity === finding.severity).length;
    if (alike < MAX_FINDINGS) this.#kept.push(finding);
    else this.#omitted += 1;
  }

  get kept(): readonly Finding[] {
    return this.#kept;
  }

  get omitted(): number {
    return this.#omitted;
  }
}

/** What a report calls an object. Its key is personal data; whoever has the seed and the bucket can find it (docs/verification.md). */
export const object = (key: string): string => `object ${key}`;
