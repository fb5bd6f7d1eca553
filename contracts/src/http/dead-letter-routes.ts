import type { ProblemCode } from '../problems.js';
import {
  DeadLetterAcknowledged,
  DeadLetterDetail,
  DeadLetterListQuery,
  DeadLetterPage,
  DeadLetterParams,
  DiscardRequest,
  VoidMessageListQuery,
  VoidMessagePage,
} from './dead-letter.js';
import { CommandHeaders } from './parameters.js';
import { APPEND_PROBLEMS, BODY_PROBLEMS, READ_PROBLEMS, SEAL_PROBLEMS } from './problem-sets.js';
import { defineRoute, type Route } from './route.js';

const DEAD_LETTER_PROBLEMS: readonly ProblemCode[] = [
  ...BODY_PROBLEMS,
  'dead-letter-not-found',
  'dead-letter-closed',
  'newer-contract',
  ...APPEND_PROBLEMS,
];

/** The operations on dead letters and messages without effect, by operation id. */
export const DEAD_LETTER_ROUTES = {
  listDeadLetters: defineRoute({
    operationId: 'listDeadLetters',
    method: 'get',
    path: '/api/anime/dead-letters',
    tag: 'dead-letters',
    summary: 'List events that a consumer gave up, newest first',
    scope: 'jobs:read',
    query: DeadLetterListQuery,
    answers: { 200: { description: 'A page of dead letters.', schema: DeadLetterPage } },
    problems: [...READ_PROBLEMS, 'bad-cursor'],
  }),
  getDeadLetter: defineRoute({
    operationId: 'getDeadLetter',
    method: 'get',
    path: '/api/anime/dead-letters/{id}',
    tag: 'dead-letters',
    summary: 'Read a dead letter with its event',
    scope: 'jobs:read',
    description: 'Read from the log itself: as new as the log, and there also while the read-model is away.',
    params: DeadLetterParams,
    answers: { 200: { description: 'The dead letter as it is now.', schema: DeadLetterDetail } },
    problems: ['validation-failed', 'dead-letter-not-found', 'newer-contract', 'log-unavailable'],
  }),
  replayDeadLetter: defineRoute({
    operationId: 'replayDeadLetter',
    method: 'post',
    path: '/api/anime/dead-letters/{id}/replay',
    tag: 'dead-letters',
    summary: 'Have a given-up event handled again',
    scope: 'admin',
    description:
      'Takes no body. Its consumer handles the event as if it had just been delivered; the dead letter then is `settled`, or `open` again. While a replay is under way, another one is answered with its position.',
    params: DeadLetterParams,
    headers: CommandHeaders,
    answers: { 202: { description: 'The wish is in the log.', schema: DeadLetterAcknowledged } },
    problems: DEAD_LETTER_PROBLEMS,
  }),
  discardDeadLetter: defineRoute({
    operationId: 'discardDeadLetter',
    method: 'post',
    path: '/api/anime/dead-letters/{id}/discard',
    tag: 'dead-letters',
    summary: 'Want nothing more to be done about a given-up event',
    scope: 'admin',
    description: 'It cannot be replayed after that. The reason is stored sealed with the key of the caller.',
    params: DeadLetterParams,
    headers: CommandHeaders,
    body: DiscardRequest,
    answers: { 202: { description: 'The wish is in the log.', schema: DeadLetterAcknowledged } },
    problems: [...DEAD_LETTER_PROBLEMS, ...SEAL_PROBLEMS],
  }),
  listVoidMessages: defineRoute({
    operationId: 'listVoidMessages',
    method: 'get',
    path: '/api/anime/void-messages',
    tag: 'dead-letters',
    summary: 'List messages of the log without effect, newest first',
    scope: 'jobs:read',
    description: 'They are listed only: what is no valid event cannot be replayed.',
    query: VoidMessageListQuery,
    answers: { 200: { description: 'A page of messages without effect.', schema: VoidMessagePage } },
    problems: [...READ_PROBLEMS, 'bad-cursor'],
  }),
} as const satisfies Record<string, Route>;
