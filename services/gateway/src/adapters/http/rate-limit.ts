import { ProblemError } from '@anime/problem-details';
import rateLimit from '@fastify/rate-limit';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { RequestWithCaller } from './caller.js';

/**
 * So many requests one caller may send in a second, which begins with the first of them; who is not known is counted by
 * address. So twice as many may come within a second where two meet. Counted in this process: two gateways allow twice as many. Must be called before there are routes and after callers are made known.
 * @param perSecond 0: as many as they like
 */
export async function limitRequests(app: NestFastifyApplication, perSecond: number): Promise<void> {
  if (perSecond === 0) return;
  await app.register(rateLimit, {
    max: perSecond,
    timeWindow: 1_000,
    enableDraftSpec: true,
    keyGenerator: (request) => (request as typeof request & RequestWithCaller).caller?.actor ?? request.ip,
    errorResponseBuilder: (_request, { max, ttl }) =>
      new ProblemError('rate-limited', `one caller may send ${max} requests a second (ANIME_RATE_LIMIT)`, {
        retryAfter: ttl / 1_000,
      }),
  });
}
