import type { IncomingHttpHeaders } from 'node:http';
import { empty, internalServerError, type Reply, text } from './reply.js';

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Decoded values of the pattern's `{name}` parts. */
  readonly parameters: Readonly<Record<string, string>>;
}

export type Handler = (request: Request) => Reply | Promise<Reply>;

/** Handlers by `"<METHOD> <pattern>"`; a pattern part `{name}` matches one path segment. */
export type Routes = Readonly<Record<string, Handler>>;

interface Route {
  readonly method: string;
  readonly segments: readonly string[];
  readonly handler: Handler;
}

/** Finds the handler for a request and turns what it throws into ComfyUI's plain-text 500. */
export class Router {
  private readonly routes: Route[] = [];

  /** @param underApi also serve the routes below /api, as ComfyUI does with nearly all of its own */
  add(routes: Routes, underApi: boolean): void {
    for (const [key, handler] of Object.entries(routes)) {
      const [method = 'GET', pattern = '/'] = key.split(' ');
      const segments = pattern.split('/').slice(1);
      this.routes.push({ method, segments, handler });
      if (underApi) this.routes.push({ method, segments: ['api', ...segments], handler });
    }
  }

  async handle(request: Omit<Request, 'parameters'>): Promise<Reply> {
    try {
      if (request.method === 'OPTIONS') return empty();
      const path = request.path.split('/').slice(1);
      const matches = this.routes.flatMap((route) => {
        const parameters = match(route.segments, path);
        return parameters === undefined ? [] : [{ route, parameters }];
      });
      const method = request.method === 'HEAD' ? 'GET' : request.method;
      const found = matches.find(({ route }) => route.method === method);
      if (found === undefined) {
        const methods = matches.map(({ route }) => route.method);
        return methods.length === 0 && method === 'GET' ? unknownPath() : methodNotAllowed(methods);
      }
      return await found.route.handler({ ...request, parameters: found.parameters });
    } catch (error) {
      process.stderr.write(`ComfyUI simulator: ${request.method} ${request.path}: ${String(error)}\n`);
      return internalServerError();
    }
  }
}

/** The 404 of the handler of static files, to which every other path of a GET comes. */
export const unknownPath = (): Reply => ({
  status: 404,
  headers: { 'content-type': 'application/octet-stream', 'transfer-encoding': 'chunked' },
});

/** Static files are served below every path, so GET is always among the allowed methods. */
export function methodNotAllowed(methods: readonly string[]): Reply {
  const allowed = new Set(['GET', 'HEAD', ...methods]);
  return text('405: Method Not Allowed', 405, { allow: [...allowed].sort().join(',') });
}

function match(pattern: readonly string[], path: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== path.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = path[index] ?? '';
    if (part.startsWith('{')) parameters[part.slice(1, -1)] = decodeURIComponent(segment);
    else if (part !== segment) return undefined;
  }
  return parameters;
}

/** Browsers of other origins are turned away from a server on a loopback name. */
export function refusesOrigin(headers: IncomingHttpHeaders): boolean {
  if (headers['sec-fetch-site'] === 'cross-site') return true;
  const { origin, host } = headers;
  if (origin === undefined || host === undefined || !URL.canParse(origin)) return false;
  return isLoopback(host) && new URL(origin).host !== host;
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);
}

export const forbidden = (): Reply => empty(403);
