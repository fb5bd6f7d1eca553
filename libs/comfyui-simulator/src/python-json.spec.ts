import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { orderedRecord } from './ordered-record.js';
import { markFloat, parsePythonJson, pythonJson } from './python-json.js';

describe('JSON as Python writes it', () => {
  it.each([
    '{"b": 1, "10": 2, "9": {"x": 7.0}, "a": [18446744073709551615, 1.5, -0.0]}',
    '[NaN, Infinity, -Infinity, 1e-05, 1e+16, 0.0001, 1e+300]',
    '{"caf\\u00e9": "\\ud83d\\ude00 \\"q\\" \\n"}',
    '[]',
    '"\\u007f"',
  ])('comes back as it went in: %s', (text) => {
    expect(pythonJson(parsePythonJson(text))).toBe(text);
  });

  it('means what any other JSON parser reads', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parsePythonJson(text)).toEqual(JSON.parse(text));
        expect(JSON.parse(pythonJson(parsePythonJson(text)))).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each(['', '{', '{"a":}', '[1,]', '01', '1 2', '"a\nb"', '"a', '"a\\\\\\"', 'nul', '{"a" 1}', '+1'])(
    'is not %j',
    (text) => {
      expect(() => parsePythonJson(text)).toThrow(SyntaxError);
    },
  );

  it('may hold a string of 30 MB', () => {
    const long = '"x" \\'.repeat(6_000_000);
    // Not toEqual: it would print both.
    expect(parsePythonJson(JSON.stringify([long, 1]))).toEqual([expect.any(String), 1]);
    expect(parsePythonJson(JSON.stringify(long)) === long).toBe(true);
  });

  it('forgets what a number was once it has changed', () => {
    const read = parsePythonJson('{"seed": 18446744073709551615, "cfg": 7}') as Record<string, number>;
    read['seed'] = 3;
    markFloat(read, 'cfg');
    expect(pythonJson(read)).toBe('{"seed": 3, "cfg": 7.0}');
  });

  it('keeps members that were added, changed and removed in their order', () => {
    const record = orderedRecord([
      ['9', 'a'],
      ['1', 'b'],
      ['x', 'c'],
    ]);
    record['2'] = 'd';
    record['9'] = 'e';
    delete record['1'];
    expect(Object.entries(record)).toEqual([
      ['9', 'e'],
      ['x', 'c'],
      ['2', 'd'],
    ]);
  });
});
