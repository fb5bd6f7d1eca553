/**
 * The same value in a form that PostgreSQL can keep and gives back unchanged: text there knows neither U+0000 nor lone
 * surrogates (both become U+FFFD), and JSON no −0. It is applied to events before a projection sees them, so that rows in
 * memory and rows read back are the same and the size of a batch cannot show. Returns `value` itself when nothing is amiss.
 */
export function storable<Value>(value: Value): Value;
export function storable(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return storableText(value);
    case 'number':
      return Object.is(value, -0) ? 0 : value;
    case 'object':
      if (value === null) return null;
      return Array.isArray(value) ? storableArray(value) : storableObject(value);
    default:
      return value;
  }
}

function storableText(text: string): string {
  const withoutNul = text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
  return withoutNul.isWellFormed() ? withoutNul : withoutNul.toWellFormed();
}

function storableArray(array: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < array.length; index += 1) {
    const element: unknown = array[index];
    const stored = storable(element);
    if (stored !== element || Object.is(element, -0)) (copy ??= [...array])[index] = stored;
  }
  return copy ?? array;
}

function storableObject(object: object): object {
  let clean = true;
  for (const [key, value] of Object.entries(object) as [string, unknown][]) {
    if (storable(value) !== value || Object.is(value, -0) || storableText(key) !== key) {
      clean = false;
      break;
    }
  }
  if (clean) return object;
  return Object.fromEntries(
    Object.entries(object).map(([key, value]: [string, unknown]) => [storableText(key), storable(value)]),
  );
}
