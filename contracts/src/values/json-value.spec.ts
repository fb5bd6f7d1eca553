import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { JsonValue } from './json-value.js';
import { Instant } from './primitives.js';

const anyValue = fc.oneof(
  fc.jsonValue(),
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }),
  // JSON.parse makes an own key of it.
  fc.jsonValue().map((value): unknown => JSON.parse(`{"a":[{"__proto__":${JSON.stringify(value)},"b":1}]}`)),
);

describe('a JSON value', () => {
  it('is what z.json() takes, and comes out as from it', () => {
    const plain = z.json();
    fc.assert(
      fc.property(anyValue, (value) => {
        const [ours, theirs] = [JsonValue.safeParse(value), plain.safeParse(value)];
        expect(ours.success).toBe(theirs.success);
        expect(ours.data).toEqual(theirs.data);
      }),
      { numRuns: 1_000 },
    );
  });

  it('has the JSON Schema of z.json()', () => {
    const documented = (schema: z.ZodType) => z.toJSONSchema(z.strictObject({ inputs: z.record(z.string(), schema) }));
    expect(documented(JsonValue)).toEqual(documented(z.json()));
  });
});

describe('an instant', () => {
  it('is what toISOString writes, of every day that there is and of no other', () => {
    const isWritten = (text: string): boolean => {
      const time = new Date(text);
      return !Number.isNaN(time.getTime()) && time.toISOString() === text;
    };
    const two = fc.integer({ min: 0, max: 62 }).map((n) => String(n).padStart(2, '0'));
    const texts = fc
      .tuple(fc.integer({ min: 0, max: 9_999 }), two, two, two, two, two)
      .map(([year, month, day, h, m, s]) => `${String(year).padStart(4, '0')}-${month}-${day}T${h}:${m}:${s}.000Z`);
    const days = fc
      .tuple(fc.integer({ min: 1_999, max: 2_101 }), fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 33 }))
      .map((parts) => `${parts.map((n) => String(n).padStart(2, '0')).join('-')}T24:00:00.000Z`)
      .chain((text) => fc.constantFrom(text, text.replace('T24', 'T23')));
    fc.assert(
      fc.property(fc.oneof(texts, days), (text) => expect(Instant.safeParse(text).success).toBe(isWritten(text))),
      { numRuns: 2_000 },
    );
  });
});
