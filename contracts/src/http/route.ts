import type { z } from 'zod';
import type { ProblemCode } from '../problems.js';
import type { Scope } from '../values/scope.js';

export interface RouteHeader {
  readonly description: string;
  /** Left out when it has nothing to say. */
  readonly optional?: true;
  readonly schema: z.ZodType;
}

/** A file as a body. */
export interface RouteFile {
  readonly mediaTypes: readonly string[];
  /** Largest size in bytes. */
  readonly limit: number;
}

/** One way in which a request may succeed. */
export interface RouteAnswer {
  readonly description: string;
  readonly schema: z.ZodType;
  readonly headers?: Readonly<Record<string, RouteHeader>>;
}

/**
 * One operation of the gateway: what its controller accepts, what it answers, and what the OpenAPI document says.
 * Parameters arrive as text; their schemas turn it into what the controller gets.
 */
export interface Route<
  Params extends z.ZodType | undefined = z.ZodType | undefined,
  Query extends z.ZodType | undefined = z.ZodType | undefined,
  Headers extends z.ZodType | undefined = z.ZodType | undefined,
  Body extends z.ZodType | undefined = z.ZodType | undefined,
> {
  readonly operationId: string;
  readonly method: 'get' | 'post' | 'put';
  /** With `{parameter}` as OpenAPI writes it. */
  readonly path: string;
  readonly tag: 'generate' | 'inputs' | 'jobs' | 'executors' | 'projects' | 'dead-letters' | 'keys' | 'system';
  readonly summary: string;
  /** What the caller must be allowed to do. */
  readonly scope: Scope;
  readonly description?: string;
  readonly params: Params;
  readonly query: Query;
  readonly headers: Headers;
  readonly body: Body;
  /** The body is a file of one of these media types, not JSON: its controller gets it as a stream. */
  readonly file?: RouteFile;
  /** By status. */
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  /** What can go wrong, beside `internal` and `rate-limited`. */
  readonly problems: readonly ProblemCode[];
}

type Parsed<S> = S extends z.ZodType ? z.infer<S> : undefined;

/** A request of this route after validation. */
export interface RouteInput<R extends Route> {
  readonly params: Parsed<R['params']>;
  readonly query: Parsed<R['query']>;
  readonly headers: Parsed<R['headers']>;
  readonly body: Parsed<R['body']>;
}

/** Declares a route; what it has no schema for, it does not take. */
export function defineRoute<
  Params extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
  Headers extends z.ZodType | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(
  route: Omit<Route, 'params' | 'query' | 'headers' | 'body'> & {
    readonly params?: Params;
    readonly query?: Query;
    readonly headers?: Headers;
    readonly body?: Body;
  },
): Route<Params, Query, Headers, Body> {
  return Object.freeze({
    ...route,
    params: route.params as Params,
    query: route.query as Query,
    headers: route.headers as Headers,
    body: route.body as Body,
  });
}
