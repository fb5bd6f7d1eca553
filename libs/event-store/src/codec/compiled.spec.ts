import { readFileSync } from 'node:fs';
import { CATALOGUE } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compiled } from './compiled.js';

const GOLDEN = new URL('../../../../contracts/golden/', import.meta.url);

/** The same value with something at one place, chosen by the numbers, taken away or put in. */
function changed(value: unknown, path: readonly number[], put: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined || typeof value !== 'object' || value === null) return put;
  const keys = Object.keys(value);
  const key = keys[first % (keys.length + 1)] ?? 'added';
  const next = put === undefined && rest.length === 0 ? undefined : changed(Reflect.get(value, key), rest, put);
  const entries = Object.entries({ ...value, [key]: next }).filter(([, item]) => item !== undefined);
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

const changes = fc.record({
  path: fc.array(fc.nat(12), { maxLength: 5 }),
  put: fc.option(fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom(0, -1, 1.5, '', 'x', null)), {
    nil: undefined,
  }),
});

describe('a compiled schema', () => {
  it.each(CATALOGUE.contracts.map((contract) => [contract.name, contract] as const))(
    'judges %s as the schema itself',
    (name, { data }) => {
      const text = readFileSync(new URL(`${name}.json`, GOLDEN), 'utf8');
      const { data: sample } = JSON.parse(text) as { readonly data: unknown };
      const fast = compiled(data);
      expect(fast).not.toBe(data); // zod gives the same one back where it cannot compile
      expect(fast.parse(sample)).toEqual(data.parse(sample));
      fc.assert(
        fc.property(changes, ({ path, put }) => {
          const value = changed(sample, path, put);
          const [ours, theirs] = [fast.safeParse(value), data.safeParse(value)];
          expect(ours.success).toBe(theirs.success);
          expect(ours.data).toEqual(theirs.data);
          expect(ours.error?.issues).toEqual(theirs.error?.issues);
        }),
      );
    },
  );
});
