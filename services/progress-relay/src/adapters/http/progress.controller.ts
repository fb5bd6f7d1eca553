import { ProblemError } from '@anime/problem-details';
import { Controller, Get } from '@nestjs/common';
import { PROGRESS_PATH } from '../ws/progress-door.js';

/** Tells those who ask by plain HTTP how to connect. */
@Controller()
export class ProgressController {
  @Get(PROGRESS_PATH)
  progress(): never {
    throw new ProblemError('validation-failed', 'This address speaks WebSocket: connect with ws:// instead of http://');
  }
}
