import type { ResourceType } from '../records.ts';
import type { ResourceKind } from './kind.ts';

/** The types of resources that are there. */
export class Kinds {
  readonly all: readonly ResourceKind[];

  constructor(all: readonly ResourceKind[]) {
    this.all = all;
  }

  get types(): ResourceType[] {
    return this.all.map(({ type }) => type);
  }

  of(resourceArn: string): ResourceKind | undefined {
    return this.all.find((kind) => kind.owns(resourceArn));
  }

  /** Of a resource that is known to be of one of the types, since something was made of it. */
  must(resourceArn: string): ResourceKind {
    const kind = this.of(resourceArn);
    if (!kind) throw new Error(`No type of resource fits ${resourceArn}.`);
    return kind;
  }

  typeOf(resourceArn: string): ResourceType | undefined {
    return this.of(resourceArn)?.type;
  }
}
