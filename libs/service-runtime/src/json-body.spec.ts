import { describe, expect, it } from '@jest/globals';
import { isProblem, ProblemError } from '@anime/problem-details';
import fc from 'fast-check';
import { parseJsonBody } from './json-body.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
function refusalOf(...body: Parameters<typeof parseJsonBody>): ProblemError {
  try {
    parseJsonBody(...body);
  } catch (error) {
    if (isProblem(error)) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a JSON body', () => {
  it('of any content comes out as it went in', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        fc.pre(!text.includes('__proto__'));
        expect(parseJsonBody(bytes(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('may be nested deeper than the stack', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    expect(parseJsonBody(bytes(deep))).toEqual(expect.any(Array));
  });

  it.each([
    ['{"a":[{"__proto__":1}]}', '/a/0/__proto__'],
    ['{"a/b~c":{"\\u005f_proto__":{}}}', '/a~1b~0c/__proto__'],
  ])('%s is refused with the place of its __proto__', (text, path) => {
    const problem = refusalOf(bytes(text));
    expect(problem.code).toBe('validation-failed');
    expect(problem.errors).toEqual([{ path, message: 'unknown field' }]);
  });

  it('is refused with the place of its __proto__, wherever among other values', () => {
    const holder = '{"a":[1,"\\u0041",null],"b":{}}';
    fc.assert(
      fc.property(fc.array(fc.constantFrom('x', '0', '__proto')), fc.boolean(), (names, escaped) => {
        const key = escaped ? '\\u005f_proto__' : '__proto__';
        const inner = `{"c":${holder},"${key}":${holder},"d":[${holder}]}`;
        const text = names.reduceRight((body, name) => `{"q":[${holder}],"${name}":${body},"r":{"s":0}}`, inner);
        const path = [...names, '__proto__'].map((name) => `/${name}`).join('');
        expect(refusalOf(bytes(text)).errors?.[0]?.path).toBe(path.length > 200 ? `${path.slice(0, 200)}…` : path);
      }),
    );
  });

  it('is refused with the beginning of the place, when that is long', () => {
    const deep = `${'{"a":['.repeat(100_000)}{"__proto__":1}${']}'.repeat(100_000)}`;
    const wide = `{"${'😀'.repeat(100_000)}":{"__proto__":1}}`;
    for (const [text, path] of [
      [deep, `${'/a/0'.repeat(50)}…`],
      [wide, `/${'😀'.repeat(99)}…`],
    ] as const) {
      const problem = refusalOf(bytes(text));
      expect(problem.errors).toEqual([{ path, message: 'unknown field' }]);
      expect(problem.message).toBe(`one field is wrong: ${path}`);
    }
  });

  it('may have __proto__ and escapes in its values', () => {
    const text = '{"a":["__proto__","\\u005f_proto__"],"b__proto__":"\\"__proto__\\":"}';
    expect(parseJsonBody(bytes(text))).toEqual(JSON.parse(text));
  });

  it('of bytes that are no UTF-8 is refused and not mended', () => {
    expect(refusalOf(Uint8Array.of(0x22, 0xc3, 0x28, 0x22))).toMatchObject({
      code: 'bad-json',
      message: expect.stringContaining('UTF-8'),
    });
  });

  it('that is compressed is refused by the name of the header', () => {
    expect(refusalOf(bytes('{}'), { 'content-encoding': 'gzip' })).toMatchObject({
      code: 'unsupported-media-type',
      errors: [{ path: 'header/content-encoding' }],
    });
    expect(parseJsonBody(bytes('{}'), { 'content-encoding': 'identity' })).toEqual({});
  });

  it.each(['latin1', '"iso-8859-1"', 'utf-16'])('in %s is refused by the name of the header', (charset) => {
    expect(refusalOf(bytes('{}'), { 'content-type': `application/json; charset=${charset}` })).toMatchObject({
      code: 'unsupported-media-type',
      errors: [{ path: 'header/content-type' }],
    });
  });

  it.each(['application/json', 'application/json; charset=utf-8', 'application/json;charset="UTF8"'])(
    'announced as %s is taken',
    (type) => expect(parseJsonBody(bytes('{}'), { 'content-type': type })).toEqual({}),
  );
});
