/** True when two values of JSON are equal; the order of keys and keys that are undefined do not count. */
export function sameJson(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => sameJson(valueAt(one, key), valueAt(other, key)));
}

function valueAt(value: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}
