import { ProblemError } from '@anime/problem-details';
import type { FastifyInstance } from 'fastify';

/**
 * The only body that a service takes: JSON in UTF-8 (RFC 8259), not compressed. Fastify's own parser would put U+FFFD in
 * place of bytes that are no UTF-8, and would not say which field it refuses.
 */
export function acceptJsonBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    try {
      done(null, parseJsonBody(bytes, request.headers['content-encoding']));
    } catch (error) {
      done(error as Error); // what parseJsonBody throws
    }
  });
}

/**
 * @param encoding the request's `content-encoding`
 * @throws ProblemError `unsupported-media-type`, `bad-json`, or `validation-failed` that names a `__proto__`
 */
export function parseJsonBody(bytes: Uint8Array, encoding?: string): unknown {
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ProblemError(
      'unsupported-media-type',
      `The body must not be compressed; its content-encoding is ${encoding}`,
      {
        errors: [{ path: 'header/content-encoding', message: 'must be absent or identity' }],
      },
    );
  }
  if (bytes.length === 0) throw new ProblemError('bad-json', 'The body is empty, and JSON was announced');
  const value = parse(textOf(bytes));
  const forbidden = pathOfProto(value);
  if (forbidden !== undefined) {
    throw new ProblemError('validation-failed', `one field is wrong: ${forbidden}`, {
      errors: [{ path: forbidden, message: 'unknown field' }],
    });
  }
  return value;
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ProblemError('bad-json', 'The body is not valid UTF-8', { cause: error });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ProblemError('bad-json', `The body is not JSON: ${(error as SyntaxError).message}`, { cause: error });
  }
}

/**
 * Where an object has a key `__proto__`, as a JSON pointer: assigned anywhere, its value would become a prototype. With a
 * list of its own in place of recursion, as a body may be nested deeper than the stack.
 */
function pathOfProto(root: unknown): string | undefined {
  const open: { readonly value: unknown; readonly path: string }[] = [{ value: root, path: '' }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, path } = next;
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, member] of Object.entries(value)) {
      if (key === '__proto__') return `${path}/__proto__`;
      open.push({ value: member, path: `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}` });
    }
  }
  return undefined;
}
