import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '@anime/problem-details';
import fc from 'fast-check';
import { z } from 'zod';
import { parseBody, parseQuery, parseRequest, SchemaValidationPipe } from './validation.js';

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

function errorsOf(run: () => unknown): ProblemError {
  try {
    run();
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}
const pathsOf = (body: unknown): string[] =>
  errorsOf(() => parseRequest(Body, body, 'body'))
    .errors.map((error) => error.path)
    .sort();

describe('the validation of requests', () => {
  it('names every bad field by its JSON pointer, unknown fields by their own names', () => {
    const problem = errorsOf(() =>
      parseRequest(Body, { prompt: '', size: { width: 7, heigth: 8 }, 'a/b~c': 1, tags: ['x', 2] }, 'body'),
    );
    expect(problem.code).toBe('validation-failed');
    expect(problem.errors.map((error) => error.path).sort()).toEqual([
      '/a~1b~0c',
      '/prompt',
      '/size/height',
      '/size/heigth',
      '/size/width',
      '/tags/1',
    ]);
    expect(problem.errors.find((error) => error.path === '/size/heigth')?.message).toBe('unknown field');
  });

  it('judges a union by the branch that fits best', () => {
    const rest = { prompt: 'x', size: { width: 8, height: 8 } };
    expect(pathsOf({ ...rest, source: { kind: 'text', txt: 'x' } })).toEqual(['/source/text', '/source/txt']);
    expect(pathsOf({ ...rest, source: { kind: 'sound' } })).toEqual(['/source/kind']);
    expect(pathsOf({ ...rest, value: { a: 'x' } })).toEqual(['/value/a']);
  });

  it('says what is wrong with a body that is no object, and takes an absent one for an empty one', () => {
    expect(pathsOf('text')).toEqual(['']);
    expect(
      errorsOf(() => parseBody(Body).transform(undefined, { type: 'body' })).errors.map((error) => error.path),
    ).toEqual(['/prompt', '/size']);
  });

  it('names query parameters and path parameters as such', () => {
    const problem = errorsOf(() =>
      parseQuery(z.strictObject({ limit: z.string().regex(/^\d+$/) })).transform(
        { limit: 'x', sort: '1' },
        { type: 'query' },
      ),
    );
    expect(problem.errors.map((error) => error.path).sort()).toEqual(['query/limit', 'query/sort']);
    const pipe = new SchemaValidationPipe();
    expect(errorsOf(() => pipe.transform('x', { type: 'param', data: 'id', schema: z.uuid() })).errors[0]?.path).toBe(
      'path/id',
    );
    expect(
      errorsOf(() => pipe.transform(undefined, { type: 'query', data: 'after', schema: z.string() })).errors[0]?.path,
    ).toBe('query/after');
    expect(pipe.transform(undefined, { type: 'query', data: 'after', schema: z.string().default('0') })).toBe('0');
    expect(pipe.transform('as it is', { type: 'custom' })).toBe('as it is');
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
