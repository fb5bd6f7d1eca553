import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { storable } from './storable.js';

describe('storable', () => {
  it('returns the very value when nothing is amiss', () => {
    const value = { text: 'é漢🦊', list: [1, null, { deep: true }] };
    expect(storable(value)).toBe(value);
  });

  it('replaces what PostgreSQL cannot keep, in keys too', () => {
    expect(storable({ 'a\0': ['\uD800', -0, 'x\0y'] })).toStrictEqual({ 'a\uFFFD': ['\uFFFD', 0, 'x\uFFFDy'] });
  });

  it('makes any JSON free of U+0000, lone surrogates and −0, and changes nothing twice', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const once = storable(value);
        expect(storable(once)).toBe(once);
        expect(JSON.stringify(once)).not.toMatch(/(?<!\\)(\\\\)*\\u(0000|d[89a-f])/i);
      }),
    );
  });
});
