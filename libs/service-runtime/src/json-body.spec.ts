import { describe, expect, it } from '@jest/globals';
import { isProblem, ProblemError } from '@anime/problem-details';
import fc from 'fast-check';
import { parseJsonBody } from './json-body.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
function refusalOf(body: Uint8Array, encoding?: string): ProblemError {
  try {
    parseJsonBody(body, encoding);
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

  it('of bytes that are no UTF-8 is refused and not mended', () => {
    expect(refusalOf(Uint8Array.of(0x22, 0xc3, 0x28, 0x22))).toMatchObject({
      code: 'bad-json',
      message: expect.stringContaining('UTF-8'),
    });
  });

  it('that is compressed is refused by the name of the header', () => {
    expect(refusalOf(bytes('{}'), 'gzip')).toMatchObject({
      code: 'unsupported-media-type',
      errors: [{ path: 'header/content-encoding' }],
    });
    expect(parseJsonBody(bytes('{}'), 'identity')).toEqual({});
  });
});
