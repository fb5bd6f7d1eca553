import {
  ROUTES,
  type CancelAcknowledged,
  type Job,
  type JobPage,
  type JobTrail,
  type Queue,
  type RetryAcknowledged,
  type RouteInput,
} from '@anime/contracts/http';
import { Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { JobCommands } from '../../commands/job-commands.js';
import { JobQueries } from '../../queries/job-queries.js';
import { CallerOf, type Caller } from './caller.js';
import { nestPath, RequestOf } from './read-request.js';
import { SealOpener } from './seal-opener.js';

type ListJobs = typeof ROUTES.listJobs;
type GetJob = typeof ROUTES.getJob;
type GetJobEvents = typeof ROUTES.getJobEvents;
type CancelJob = typeof ROUTES.cancelJob;
type RetryJob = typeof ROUTES.retryJob;
type GetQueue = typeof ROUTES.getQueue;

@Controller()
export class JobsController {
  constructor(
    @Inject(JobCommands) private readonly commands: JobCommands,
    @Inject(JobQueries) private readonly queries: JobQueries,
    @Inject(SealOpener) private readonly seals: SealOpener,
  ) {}

  @Get(nestPath(ROUTES.listJobs))
  list(@RequestOf(ROUTES.listJobs) { query }: RouteInput<ListJobs>): Promise<JobPage> {
    return this.queries.list(query);
  }

  @Get(nestPath(ROUTES.getJob))
  one(@RequestOf(ROUTES.getJob) { params, query }: RouteInput<GetJob>): Promise<Job> {
    return this.queries.job(params.id, query);
  }

  @Get(nestPath(ROUTES.getJobEvents))
  async trail(@RequestOf(ROUTES.getJobEvents) { params, query }: RouteInput<GetJobEvents>): Promise<JobTrail> {
    return this.seals.open(await this.queries.trail(params.id, query));
  }

  @Post(nestPath(ROUTES.cancelJob))
  @HttpCode(202)
  async cancel(
    @RequestOf(ROUTES.cancelJob) { params, headers, body }: RouteInput<CancelJob>,
    @CallerOf() { actor }: Caller,
  ): Promise<CancelAcknowledged> {
    const origin = { actor, correlationId: headers['x-correlation-id'] };
    const { position } = await this.commands.cancel(params.id, body?.reason, origin);
    return { jobId: params.id, position };
  }

  @Post(nestPath(ROUTES.retryJob))
  @HttpCode(202)
  async retry(
    @RequestOf(ROUTES.retryJob) { params, headers, body }: RouteInput<RetryJob>,
    @CallerOf() { actor }: Caller,
  ): Promise<RetryAcknowledged> {
    const origin = { actor, correlationId: headers['x-correlation-id'] };
    const { position } = await this.commands.retry(params.id, body?.reason, origin);
    return { jobId: params.id, position };
  }

  @Get(nestPath(ROUTES.getQueue))
  queue(@RequestOf(ROUTES.getQueue) { query }: RouteInput<GetQueue>): Promise<Queue> {
    return this.queries.queue(query);
  }
}
