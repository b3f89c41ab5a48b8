import { administratorArn } from '../auth/key-store.ts';
import type { Call, Service } from '../wire/handlers.ts';

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export interface TaggedResource {
  readonly arn: string;
  /** `service:type`, as ResourceTypeFilters name it. */
  readonly type: string;
  readonly tags: readonly Tag[];
}

/** How one service lists and changes tags, in its own operations. */
export interface Taggable {
  list(ask: Ask): Promise<TaggedResource[]>;
  tag(ask: Ask, arn: string, tags: readonly Tag[]): Promise<void>;
  untag(ask: Ask, arn: string, keys: readonly string[]): Promise<void>;
}

/** Calls an operation of the service itself. */
export type Ask = (operation: string, input: object) => Promise<Record<string, unknown>>;

export function asker(service: Service, call: Call): Ask {
  return async (operation, input) => {
    const handler = service.handlers[operation];
    if (!handler) throw new Error(`${service.name} has no ${operation}.`);
    const inner = { ...call, service: service.name, operation };
    return (await handler(input as never, inner)) as Record<string, unknown>;
  };
}

/** The tagging service lists what is there whatever the caller may see in each service, as in AWS. */
export function onBehalf(call: Call): Call {
  const { accountId, region, requestId, sourceIp, service, operation } = call;
  return {
    accountId,
    region,
    requestId,
    sourceIp,
    service,
    operation,
    principalArn: administratorArn(accountId),
  };
}

type Item = Readonly<Record<string, unknown>>;

/** Every page of a listing. */
export async function everyPage(
  ask: Ask,
  operation: string,
  list: string,
  [sent, got]: readonly [sent: string, got: string],
  input: object = {},
): Promise<Item[]> {
  const items: Item[] = [];
  let token: unknown;
  do {
    const page = await ask(operation, token === undefined ? input : { ...input, [sent]: token });
    items.push(...((page[list] as Item[] | undefined) ?? []));
    token = page[got];
  } while (token !== undefined);
  return items;
}

export function text(item: Item, name: string): string {
  const value = item[name];
  return typeof value === 'string' ? value : '';
}

export function tagsIn(item: Item, name: string): Tag[] {
  return ((item[name] as Partial<Tag>[] | undefined) ?? []).map(({ Key = '', Value = '' }) => ({
    Key,
    Value,
  }));
}
