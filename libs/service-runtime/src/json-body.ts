import { ProblemError } from '@anime/problem-details';
import type { FastifyInstance } from 'fastify';
import { fieldPath } from './field-errors.js';

/**
 * The only body that a service takes: JSON in UTF-8 (RFC 8259), not compressed. Fastify's own parser would put U+FFFD in
 * place of bytes that are no UTF-8, and would not say which field it refuses.
 */
export function acceptJsonBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    try {
      done(null, parseJsonBody(bytes, request.headers));
    } catch (error) {
      done(error as Error); // what parseJsonBody throws
    }
  });
}

/** The headers that say how a body is to be read. */
interface BodyHeaders {
  readonly 'content-type'?: string | undefined;
  readonly 'content-encoding'?: string | undefined;
}

/**
 * @throws ProblemError `unsupported-media-type`, `bad-json`, or `validation-failed` that names a `__proto__`
 */
export function parseJsonBody(bytes: Uint8Array, headers: BodyHeaders = {}): unknown {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ProblemError(
      'unsupported-media-type',
      `The body must not be compressed; its content-encoding is ${encoding}`,
      {
        errors: [{ path: 'header/content-encoding', message: 'must be absent or identity' }],
      },
    );
  }
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new ProblemError('unsupported-media-type', `The body must be UTF-8; its charset is ${charset}`, {
      errors: [{ path: 'header/content-type', message: 'charset must be absent or utf-8' }],
    });
  }
  if (bytes.length === 0) throw new ProblemError('bad-json', 'The body is empty, and JSON was announced');
  const text = textOf(bytes);
  const value = parse(text);
  const forbidden = MAY_NAME_PROTO.test(text) ? placeOfProto(value) : undefined;
  if (forbidden !== undefined) {
    const path = pathOfProto(forbidden);
    throw new ProblemError('validation-failed', `one field is wrong: ${path}`, {
      errors: [{ path, message: 'unknown field' }],
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

/** Nearly no body has either, and one that has neither need not be searched: a key is written as it is, or with escapes. */
const MAY_NAME_PROTO = /__proto__|\\u/;

type Holder = unknown[] | Record<string, unknown>;

/** An object or array of a body, and what it lies in. */
interface Place {
  readonly value: Holder;
  readonly key: string | number;
  readonly parent: Place | undefined;
}

function isHolder(value: unknown): value is Holder {
  return typeof value === 'object' && value !== null;
}

/**
 * An object that has a key `__proto__`: assigned anywhere, its value would become a prototype. With a list of its own in
 * place of recursion, as a body may be nested deeper than the stack. A body may hold half a million values, and all other
 * requests wait meanwhile: so no path is made for them, and no list of their keys and values.
 */
function placeOfProto(root: unknown): Place | undefined {
  const open: Place[] = [];
  const enter = (value: unknown, key: string | number, parent?: Place): void => {
    if (isHolder(value)) open.push({ value, key, parent });
  };
  enter(root, '');
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { value } = place;
    if (Object.hasOwn(value, '__proto__')) return place;
    if (Array.isArray(value)) for (let index = 0; index < value.length; index += 1) enter(value[index], index, place);
    else for (const key of Object.keys(value)) enter(value[key], key, place);
  }
  return undefined;
}

/** The JSON pointer of an object's `__proto__`. */
function pathOfProto(object: Place): string {
  const keys: string[] = ['__proto__'];
  for (let { key, parent } = object; parent !== undefined; { key, parent } = parent) keys.push(String(key));
  return fieldPath('body', keys.toReversed());
}
