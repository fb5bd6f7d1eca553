import { ROUTES, type IssuedKey, type KeyList, type RevokedKey, type RouteInput } from '@anime/contracts/http';
import { Controller, Get, Header, HttpCode, Inject, Post } from '@nestjs/common';
import { KeyCommands } from '../../commands/key-commands.js';
import { KeyQueries } from '../../queries/key-queries.js';
import { CallerOf, type Caller } from './caller.js';
import { nestPath, RequestOf } from './read-request.js';
import { SealOpener } from './seal-opener.js';

type CreateKey = typeof ROUTES.createKey;
type ListKeys = typeof ROUTES.listKeys;
type RevokeKey = typeof ROUTES.revokeKey;

@Controller()
export class KeysController {
  constructor(
    @Inject(KeyCommands) private readonly commands: KeyCommands,
    @Inject(KeyQueries) private readonly queries: KeyQueries,
    @Inject(SealOpener) private readonly seals: SealOpener,
  ) {}

  @Post(nestPath(ROUTES.createKey))
  @HttpCode(201)
  @Header('cache-control', 'no-store')
  async create(
    @RequestOf(ROUTES.createKey) { headers, body }: RouteInput<CreateKey>,
    @CallerOf() { actor }: Caller,
  ): Promise<IssuedKey> {
    const issued = await this.commands.issue(body, { actor, correlationId: headers['x-correlation-id'] });
    await this.queries.reached(issued.position);
    return issued;
  }

  @Get(nestPath(ROUTES.listKeys))
  async list(@RequestOf(ROUTES.listKeys) _request: RouteInput<ListKeys>): Promise<KeyList> {
    return this.seals.open(await this.queries.list());
  }

  @Post(nestPath(ROUTES.revokeKey))
  @HttpCode(200)
  async revoke(
    @RequestOf(ROUTES.revokeKey) { params, headers }: RouteInput<RevokeKey>,
    @CallerOf() { actor }: Caller,
  ): Promise<RevokedKey> {
    const revoked = await this.commands.revoke(params.id, { actor, correlationId: headers['x-correlation-id'] });
    await this.queries.reached(revoked.position);
    return revoked;
  }
}
