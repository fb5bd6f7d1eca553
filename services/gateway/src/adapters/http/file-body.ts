import { ROUTES, type Route } from '@anime/contracts/http';
import { ProblemError } from '@anime/problem-details';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Readable } from 'node:stream';
import type { SentFile } from '../../commands/store-input.js';
import { nestPath, readRequest } from './read-request.js';

const FILE_ROUTES = Object.values<Route>(ROUTES).filter(({ file }) => file !== undefined);
const PATHS: ReadonlySet<string | undefined> = new Set(FILE_ROUTES.map(nestPath));

/** Lets the routes that take a file have it as a stream; all others go on taking JSON alone. Must be called before there are routes. */
export function acceptFiles(app: NestFastifyApplication): void {
  const mediaTypes = [...new Set(FILE_ROUTES.flatMap(({ file }) => file?.mediaTypes ?? []))];
  app
    .getHttpAdapter()
    .getInstance()
    .addContentTypeParser(mediaTypes, (request, payload, done) => {
      if (PATHS.has(request.routeOptions.url)) done(null, payload);
      else done(new ProblemError('unsupported-media-type', 'The body must be application/json'));
    });
}

/** The parts of a request that are used of a file. */
interface FileRequest {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * The body of a request as a file.
 * @throws ProblemError `unsupported-media-type`
 */
export function sentFile(mediaTypes: readonly string[], { body, headers }: FileRequest): SentFile {
  const [mediaType = ''] = String(headers['content-type'] ?? '').split(';');
  const known = mediaTypes.find((type) => type === mediaType.trim().toLowerCase());
  if (known === undefined || !(body instanceof Readable)) {
    throw new ProblemError('unsupported-media-type', `The body must be one of ${mediaTypes.join(', ')}`, {
      errors: [{ path: 'header/content-type', message: `must be one of ${mediaTypes.join(', ')}` }],
    });
  }
  if (headers['content-encoding'] !== undefined)
    throw new ProblemError('unsupported-media-type', 'A picture must not be compressed once more', {
      errors: [{ path: 'header/content-encoding', message: 'must be absent' }],
    });
  const length = headers['content-length'];
  return {
    mediaType: known,
    length: length === undefined ? undefined : Number(length),
    chunks: chunksOf(body),
  };
}

/**
 * A reader that stops early does not end the connection, or whoever still sends would not get the answer; what comes is
 * thrown away, or the next request on the connection would not be seen.
 */
async function* chunksOf(body: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>; // without an encoding
  } finally {
    body.resume();
  }
}

/**
 * The file that a route takes, as a controller's parameter. What else the request has is checked as of any other; of a request that is
 * refused the body is thrown away, or whoever still sends it would not get the answer.
 */
export const FileOf = createParamDecorator((route: Route, context: ExecutionContext) => {
  const { params, query, body, headers } = context.switchToHttp().getRequest<FileRequest>();
  try {
    readRequest(route, { params, query });
    return sentFile(route.file?.mediaTypes ?? [], { body, headers });
  } catch (error) {
    if (body instanceof Readable) body.resume();
    throw error;
  }
});
