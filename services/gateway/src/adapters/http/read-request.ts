import type { Route, RouteInput } from '@anime/contracts/http';
import { ProblemError, type FieldError } from '@anime/problem-details';
import { fieldErrors, type RequestPart } from '@anime/service-runtime';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { z } from 'zod';

/** The parts of a request that a route may take. */
export interface RawRequest {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly headers?: unknown;
  readonly body?: unknown;
}

const NOTHING = z.strictObject({});
/** What takes no body takes `{}` all the same: many clients send it. */
const NO_BODY = z.strictObject({}).nullish();

/**
 * Checks a whole request against its route: what the route has no schema for must be empty.
 * @throws ProblemError `validation-failed` that names everything that is wrong, in all parts, at once
 */
export function readRequest<R extends Route>(route: R, request: RawRequest): RouteInput<R> {
  const errors: FieldError[] = [];
  const read = (schema: z.ZodType, value: unknown, part: RequestPart): unknown => {
    const result = schema.safeParse(value);
    // In a body the path leads to the place; elsewhere the name of the parameter says enough.
    const issues = result.error?.issues.map((issue) =>
      part === 'body' ? issue : { ...issue, path: issue.path.slice(0, 1) },
    );
    errors.push(...fieldErrors(issues ?? [], part));
    return result.data;
  };
  const params = read(route.params ?? NOTHING, request.params ?? {}, 'param');
  const query = read(route.query ?? NOTHING, request.query ?? {}, 'query');
  const headers = route.headers === undefined ? undefined : read(route.headers, request.headers ?? {}, 'header');
  const body =
    route.body === undefined
      ? void (route.method === 'post' && read(NO_BODY, request.body, 'body'))
      : // No body is like an empty one, so that the answer names what is missing; null is none.
        read(route.body, request.body === undefined ? {} : request.body, 'body');
  if (errors.length > 0) throw new ProblemError('validation-failed', summaryOf(errors), { errors });
  // Each part was parsed by the schema from which its type is inferred.
  return { params, query, headers, body } as RouteInput<R>;
}

/** The validated request of a route, as a controller's parameter. */
export const RequestOf = createParamDecorator((route: Route, context: ExecutionContext) =>
  readRequest(route, context.switchToHttp().getRequest<RawRequest>()),
);

/** A route's path as Nest writes it: `:id` in place of `{id}`. */
export function nestPath(route: Route): string {
  return route.path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function summaryOf(errors: readonly FieldError[]): string {
  const fields = [...new Set(errors.map((error) => (error.path === '' ? 'the body' : error.path)))];
  return `${fields.length === 1 ? 'one field is' : `${fields.length} fields are`} wrong: ${fields.join(', ')}`;
}
