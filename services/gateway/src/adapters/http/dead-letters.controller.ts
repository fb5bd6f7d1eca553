import {
  ROUTES,
  type DeadLetterAcknowledged,
  type DeadLetterDetail,
  type DeadLetterPage,
  type RouteInput,
  type VoidMessagePage,
} from '@anime/contracts/http';
import { Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { DeadLetterCommands } from '../../commands/dead-letter-commands.js';
import { DeadLetterQueries } from '../../queries/dead-letter-queries.js';
import { CallerOf, type Caller } from './caller.js';
import { nestPath, RequestOf } from './read-request.js';
import { SealOpener } from './seal-opener.js';

type List = typeof ROUTES.listDeadLetters;
type One = typeof ROUTES.getDeadLetter;
type Replay = typeof ROUTES.replayDeadLetter;
type Discard = typeof ROUTES.discardDeadLetter;
type ListVoids = typeof ROUTES.listVoidMessages;

@Controller()
export class DeadLettersController {
  constructor(
    @Inject(DeadLetterCommands) private readonly commands: DeadLetterCommands,
    @Inject(DeadLetterQueries) private readonly queries: DeadLetterQueries,
    @Inject(SealOpener) private readonly seals: SealOpener,
  ) {}

  @Get(nestPath(ROUTES.listDeadLetters))
  list(@RequestOf(ROUTES.listDeadLetters) { query }: RouteInput<List>): Promise<DeadLetterPage> {
    return this.queries.list(query);
  }

  @Get(nestPath(ROUTES.getDeadLetter))
  async one(@RequestOf(ROUTES.getDeadLetter) { params }: RouteInput<One>): Promise<DeadLetterDetail> {
    return this.seals.open(await this.queries.one(params.id));
  }

  @Post(nestPath(ROUTES.replayDeadLetter))
  @HttpCode(202)
  async replay(
    @RequestOf(ROUTES.replayDeadLetter) { params, headers }: RouteInput<Replay>,
    @CallerOf() { actor }: Caller,
  ): Promise<DeadLetterAcknowledged> {
    const origin = { actor, correlationId: headers['x-correlation-id'] };
    return { deadLetterId: params.id, position: await this.commands.replay(params.id, origin) };
  }

  @Post(nestPath(ROUTES.discardDeadLetter))
  @HttpCode(202)
  async discard(
    @RequestOf(ROUTES.discardDeadLetter) { params, headers, body }: RouteInput<Discard>,
    @CallerOf() { actor }: Caller,
  ): Promise<DeadLetterAcknowledged> {
    const origin = { actor, correlationId: headers['x-correlation-id'] };
    return { deadLetterId: params.id, position: await this.commands.discard(params.id, body.reason, origin) };
  }

  @Get(nestPath(ROUTES.listVoidMessages))
  voids(@RequestOf(ROUTES.listVoidMessages) { query }: RouteInput<ListVoids>): Promise<VoidMessagePage> {
    return this.queries.voids(query);
  }
}
