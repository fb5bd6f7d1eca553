import { ROUTES, type RouteInput, type SystemStatus } from '@anime/contracts/http';
import { Controller, Get, Inject } from '@nestjs/common';
import { SystemQuery } from '../../queries/system-query.js';
import { nestPath, RequestOf } from './read-request.js';

type GetSystem = typeof ROUTES.getSystem;

@Controller()
export class SystemController {
  constructor(@Inject(SystemQuery) private readonly system: SystemQuery) {}

  @Get(nestPath(ROUTES.getSystem))
  status(@RequestOf(ROUTES.getSystem) _request: RouteInput<GetSystem>): Promise<SystemStatus> {
    return this.system.status();
  }
}
