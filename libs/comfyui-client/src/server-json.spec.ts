import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseServerJson } from './server-json.js';

describe('parseServerJson', () => {
  it('reads bare NaN and Infinity as null', () => {
    expect(parseServerJson('{"number": NaN, "a": [Infinity, -Infinity, 1]}')).toEqual({
      number: null,
      a: [null, null, 1],
    });
  });

  it('leaves the words alone inside of strings, escaped quotes included', () => {
    expect(parseServerJson('{"text": "say \\"NaN\\" or -Infinity", "n": NaN}')).toEqual({
      text: 'say "NaN" or -Infinity',
      n: null,
    });
  });

  it('reads all JSON as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(parseServerJson(text)).toEqual(JSON.parse(text));
        expect(parseServerJson(`{"a": ${text}, "b": NaN}`)).toEqual({ a: JSON.parse(text) as unknown, b: null });
      }),
    );
  });

  it('reads a body with a string of 30 MB beside a NaN', () => {
    const long = 'NaN "x" \\'.repeat(3_000_000);
    const read = parseServerJson(`{"prompt": [NaN, ${JSON.stringify(long)}], "last": Infinity}`);
    // Not toEqual: it would print both.
    expect(read).toMatchObject({ prompt: [null, expect.any(String)], last: null });
    expect((read as { prompt: [null, string] }).prompt[1] === long).toBe(true);
  });

  it('refuses what is not JSON', () => {
    expect(() => parseServerJson('{"a": NaN, "b": "never closed \\"')).toThrow(SyntaxError);
    expect(() => parseServerJson('500 Internal Server Error')).toThrow(SyntaxError);
    expect(() => parseServerJson('NaN and more')).toThrow(SyntaxError);
  });
});
