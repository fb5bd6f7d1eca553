import { describe, expect, it } from '@jest/globals';
import type { FieldError } from '@anime/problem-details';
import fc from 'fast-check';
import { z } from 'zod';
import { fieldErrors, type RequestPart } from './field-errors.js';

const Body = z.strictObject({
  prompt: z.string().min(1).max(10),
  size: z.strictObject({ width: z.int().multipleOf(8), height: z.int().multipleOf(8) }),
  tags: z.array(z.string()).optional(),
  source: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('text'), text: z.string() }),
      z.strictObject({ kind: z.literal('image'), sha256: z.string() }),
    ])
    .optional(),
  value: z.union([z.number(), z.strictObject({ a: z.number() })]).optional(),
});

function errorsOf(value: unknown, schema: z.ZodType = Body, part: RequestPart = 'body'): FieldError[] {
  const { error } = schema.safeParse(value);
  if (error === undefined) throw new Error('it was accepted');
  return fieldErrors(error.issues, part);
}
const pathsOf = (...given: Parameters<typeof errorsOf>): string[] =>
  errorsOf(...given)
    .map((error) => error.path)
    .sort();

describe('what is wrong with a request', () => {
  it('names every bad field by its JSON pointer, unknown fields by their own names', () => {
    const errors = errorsOf({ prompt: '', size: { width: 7, heigth: 8 }, 'a/b~c': 1, tags: ['x', 2] });
    expect(errors.map((error) => error.path).sort()).toEqual([
      '/a~1b~0c',
      '/prompt',
      '/size/height',
      '/size/heigth',
      '/size/width',
      '/tags/1',
    ]);
    expect(errors.find((error) => error.path === '/size/heigth')?.message).toBe('unknown field');
  });

  it('names a field once, with what is wrong first', () => {
    const schema = z.strictObject({ limit: z.string().regex(/^\d+$/).max(2), seed: z.int() });
    const errors = errorsOf({ limit: 'abcd', seed: 2 ** 53 }, schema);
    expect(errors.map(({ path }) => path)).toEqual(['/limit', '/seed']);
    expect(errors[0]?.message).toContain('pattern');
  });

  it('judges a union by the branch that fits best', () => {
    const rest = { prompt: 'x', size: { width: 8, height: 8 } };
    expect(pathsOf({ ...rest, source: { kind: 'text', txt: 'x' } })).toEqual(['/source/text', '/source/txt']);
    expect(pathsOf({ ...rest, source: { kind: 'sound' } })).toEqual(['/source/kind']);
    expect(pathsOf({ ...rest, value: { a: 'x' } })).toEqual(['/value/a']);
  });

  it('says what is wrong with a body that is no object', () => {
    expect(pathsOf('text')).toEqual(['']);
  });

  it('names query parameters and path parameters as such', () => {
    const Query = z.strictObject({ limit: z.string().regex(/^\d+$/) });
    expect(pathsOf({ limit: 'x', sort: '1' }, Query, 'query')).toEqual(['query/limit', 'query/sort']);
    expect(pathsOf({ id: 'x' }, z.strictObject({ id: z.uuid() }), 'param')).toEqual(['path/id']);
  });

  it('shows of an endless name only its beginning, and no half of a character', () => {
    const [path = ''] = pathsOf({
      ['x'.repeat(198) + '🦊'.repeat(9_999)]: 1,
      prompt: 'x',
      size: { width: 8, height: 8 },
    });
    expect(path).toBe(`/${'x'.repeat(198)}…`);
  });

  it('finds an unknown field of any name', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const paths = pathsOf({ ['x' + name]: 1, prompt: 'x', size: { width: 8, height: 8 } });
        expect(paths).toEqual([`/x${name.replaceAll('~', '~0').replaceAll('/', '~1')}`]);
      }),
    );
  });
});
