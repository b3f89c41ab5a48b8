type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Only the members that were given: spread over a record, an `undefined` would erase what is there. */
export function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}
