import type { Scope } from '@anime/contracts';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

/** Who sends a request. */
export interface Caller {
  /** Opaque id (law 11); stands as `ce-actor` in the events of the caller's commands. */
  readonly actor: string;
  readonly scopes: readonly Scope[];
}

/** Where the request carries its caller once it is known. */
export interface RequestWithCaller {
  caller?: Caller;
}

/** The caller of a request, as a controller's parameter. */
export const CallerOf = createParamDecorator((_: undefined, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<RequestWithCaller>();
  if (caller === undefined) throw new Error('a request reached a controller without its caller being known');
  return caller;
});
