import {
  ROUTES,
  type Environment,
  type Executor,
  type ExecutorAcknowledged,
  type ExecutorList,
  type RouteInput,
} from '@anime/contracts/http';
import { Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { ExecutorCommands } from '../../commands/executor-commands.js';
import { ExecutorQueries } from '../../queries/executor-queries.js';
import { CallerOf, type Caller } from './caller.js';
import { nestPath, RequestOf } from './read-request.js';
import { SealOpener } from './seal-opener.js';

type List = typeof ROUTES.listExecutors;
type One = typeof ROUTES.getExecutor;
type Pause = typeof ROUTES.pauseExecutor;
type Resume = typeof ROUTES.resumeExecutor;
type GetEnvironment = typeof ROUTES.getEnvironment;

@Controller()
export class ExecutorsController {
  constructor(
    @Inject(ExecutorCommands) private readonly commands: ExecutorCommands,
    @Inject(ExecutorQueries) private readonly queries: ExecutorQueries,
    @Inject(SealOpener) private readonly seals: SealOpener,
  ) {}

  @Get(nestPath(ROUTES.listExecutors))
  async list(@RequestOf(ROUTES.listExecutors) { query }: RouteInput<List>): Promise<ExecutorList> {
    return this.seals.open(await this.queries.list(query));
  }

  @Get(nestPath(ROUTES.getExecutor))
  async one(@RequestOf(ROUTES.getExecutor) { params, query }: RouteInput<One>): Promise<Executor> {
    return this.seals.open(await this.queries.executor(params.id, query));
  }

  @Post(nestPath(ROUTES.pauseExecutor))
  @HttpCode(202)
  pause(
    @RequestOf(ROUTES.pauseExecutor) { params, headers, body }: RouteInput<Pause>,
    @CallerOf() { actor }: Caller,
  ): Promise<ExecutorAcknowledged> {
    return this.commands.pause(params.id, body?.reason, { actor, correlationId: headers['x-correlation-id'] });
  }

  @Post(nestPath(ROUTES.resumeExecutor))
  @HttpCode(202)
  resume(
    @RequestOf(ROUTES.resumeExecutor) { params, headers }: RouteInput<Resume>,
    @CallerOf() { actor }: Caller,
  ): Promise<ExecutorAcknowledged> {
    return this.commands.resume(params.id, { actor, correlationId: headers['x-correlation-id'] });
  }

  @Get(nestPath(ROUTES.getEnvironment))
  environment(@RequestOf(ROUTES.getEnvironment) { params, query }: RouteInput<GetEnvironment>): Promise<Environment> {
    return this.queries.environment(params.hash, query);
  }
}
