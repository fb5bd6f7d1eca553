import type { Caller } from '@anime/api-keys';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

export type { Caller } from '@anime/api-keys';

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
