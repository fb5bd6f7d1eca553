import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Caller, RequestWithCaller } from './caller.js';

/** Every request is this one user's: whoever reaches the loopback interface is the user of this machine. */
export function knowCaller(app: NestFastifyApplication, local: Caller): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (request, _reply, done) => {
      Object.assign(request, { caller: local } satisfies RequestWithCaller);
      done();
    });
}
