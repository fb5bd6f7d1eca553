import type { JobType } from '@anime/contracts';
import {
  ROUTES,
  type GenerateVideoRequest,
  type Job,
  type JobAcknowledged,
  type RouteInput,
} from '@anime/contracts/http';
import { Controller, Inject, Post, Res } from '@nestjs/common';
import { JobCommands } from '../../commands/job-commands.js';
import { JobQueries } from '../../queries/job-queries.js';
import { jobLinks } from '../../queries/job-links.js';
import { CallerOf, type Caller } from './caller.js';
import { nestPath, RequestOf } from './read-request.js';
import type { Reply } from './reply.js';

type Generate = typeof ROUTES.generate;
type GenerateImage = typeof ROUTES.generateImage;
type GenerateVideo = typeof ROUTES.generateVideo;
/** What the three requests have in common once the type is known. */
type Wanted = Pick<RouteInput<GenerateVideo>, 'query' | 'headers'> & {
  readonly type: JobType;
  readonly body: GenerateVideoRequest;
};

@Controller()
export class GenerateController {
  constructor(
    @Inject(JobCommands) private readonly commands: JobCommands,
    @Inject(JobQueries) private readonly queries: JobQueries,
  ) {}

  @Post(nestPath(ROUTES.generateImage))
  image(
    @RequestOf(ROUTES.generateImage) request: RouteInput<GenerateImage>,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<Job | JobAcknowledged> {
    return this.#submit({ ...request, type: 'image' }, caller, reply);
  }

  @Post(nestPath(ROUTES.generateVideo))
  video(
    @RequestOf(ROUTES.generateVideo) request: RouteInput<GenerateVideo>,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<Job | JobAcknowledged> {
    return this.#submit({ ...request, type: 'video' }, caller, reply);
  }

  @Post(nestPath(ROUTES.generate))
  either(
    @RequestOf(ROUTES.generate) request: RouteInput<Generate>,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<Job | JobAcknowledged> {
    const { type, ...body } = request.body;
    return this.#submit({ ...request, type, body }, caller, reply);
  }

  async #submit(
    { type, query, headers, body }: Wanted,
    { actor }: Caller,
    reply: Reply,
  ): Promise<Job | JobAcknowledged> {
    const { template, project, limits, ...parameters } = body;
    const { jobId, position, job, replayed } = await this.commands.submit(
      { type, template, project, limits, parameters, idempotencyKey: headers['idempotency-key'] },
      { actor, correlationId: headers['x-correlation-id'] },
    );
    const links = jobLinks(jobId);
    reply.header('location', links.self);
    if (replayed) reply.header('idempotency-replayed', 'true');
    const ended = await this.queries.endedWithin(jobId, position, (query.wait ?? 0) * 1_000);
    reply.status(ended === undefined ? 202 : 200);
    return ended ?? { jobId, position, status: 'requested', type, seed: job.seed, template: job.template, links };
  }
}
