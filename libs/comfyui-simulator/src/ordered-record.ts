/**
 * An object whose members stay in the order in which they were added, as in Python's dict. JavaScript moves keys that
 * look like array indexes to the front, and ids of nodes do.
 */
export function insertionOrdered<T>(): Record<string, T> {
  const order = new Set<string | symbol>();
  return new Proxy<Record<string, T>>(
    // Without a prototype: no key is there that was not added.
    Object.create(null) as Record<string, T>,
    {
      ownKeys: () => [...order],
      defineProperty: (target, key, descriptor) => {
        order.add(key);
        return Reflect.defineProperty(target, key, descriptor);
      },
      deleteProperty: (target, key) => {
        order.delete(key);
        return Reflect.deleteProperty(target, key);
      },
    },
  );
}

/** `insertionOrdered` with these members. */
export function orderedRecord<T>(members: Iterable<readonly [string, T]>): Record<string, T> {
  const record = insertionOrdered<T>();
  for (const [key, value] of members) record[key] = value;
  return record;
}

/** Whether a plain object would keep these keys in this order. */
export function isInNativeOrder(keys: readonly string[]): boolean {
  let previous = -1;
  let hasText = false;
  for (const key of keys) {
    if (!isIndex(key)) {
      hasText = true;
      continue;
    }
    if (hasText || Number(key) < previous) return false;
    previous = Number(key);
  }
  return true;
}

const isIndex = (key: string): boolean => /^(?:0|[1-9]\d{0,9})$/.test(key) && Number(key) < 2 ** 32 - 1;
