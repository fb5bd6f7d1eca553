import { Environment, Executor, ExecutorAcknowledged, ExecutorList, PauseRequest } from './executor.js';
import { AfterQuery, CommandHeaders, EnvironmentParams, ExecutorParams } from './parameters.js';
import { APPEND_PROBLEMS, BODY_PROBLEMS, READ_PROBLEMS, SEAL_PROBLEMS } from './problem-sets.js';
import { defineRoute, type Route } from './route.js';

/** The operations on executors and what runs on them, by operation id. */
export const EXECUTOR_ROUTES = {
  listExecutors: defineRoute({
    operationId: 'listExecutors',
    method: 'get',
    path: '/api/anime/executors',
    tag: 'executors',
    summary: 'List executors by name',
    scope: 'jobs:read',
    query: AfterQuery,
    answers: { 200: { description: 'Every executor that ever registered.', schema: ExecutorList } },
    problems: READ_PROBLEMS,
  }),
  getExecutor: defineRoute({
    operationId: 'getExecutor',
    method: 'get',
    path: '/api/anime/executors/{id}',
    tag: 'executors',
    summary: 'Read an executor',
    scope: 'jobs:read',
    params: ExecutorParams,
    query: AfterQuery,
    answers: { 200: { description: 'The executor as it is now.', schema: Executor } },
    problems: [...READ_PROBLEMS, 'executor-not-found', 'log-unavailable'],
  }),
  pauseExecutor: defineRoute({
    operationId: 'pauseExecutor',
    method: 'post',
    path: '/api/anime/executors/{id}/pause',
    tag: 'executors',
    summary: 'Give an executor no more work',
    scope: 'admin',
    description:
      'The body may be left out. What the executor has goes on. One that is paused stays so, with the first reason.',
    params: ExecutorParams,
    headers: CommandHeaders,
    body: PauseRequest.nullish(),
    answers: { 202: { description: 'The wish is in the log.', schema: ExecutorAcknowledged } },
    problems: [...BODY_PROBLEMS, 'executor-not-found', 'newer-contract', ...APPEND_PROBLEMS, ...SEAL_PROBLEMS],
  }),
  resumeExecutor: defineRoute({
    operationId: 'resumeExecutor',
    method: 'post',
    path: '/api/anime/executors/{id}/resume',
    tag: 'executors',
    summary: 'Give an executor work again',
    scope: 'admin',
    description:
      'Takes no body. Ends a pause, and that it is drained by what its server said or by a fault of its GPU.',
    params: ExecutorParams,
    headers: CommandHeaders,
    answers: { 202: { description: 'The wish is in the log.', schema: ExecutorAcknowledged } },
    problems: [...BODY_PROBLEMS, 'executor-not-found', 'newer-contract', ...APPEND_PROBLEMS],
  }),
  getEnvironment: defineRoute({
    operationId: 'getEnvironment',
    method: 'get',
    path: '/api/anime/environments/{hash}',
    tag: 'executors',
    summary: 'Read what an attempt ran in',
    scope: 'jobs:read',
    params: EnvironmentParams,
    query: AfterQuery,
    answers: { 200: { description: 'Software, GPUs, arguments and nodes of a server.', schema: Environment } },
    problems: [...READ_PROBLEMS, 'environment-not-found'],
  }),
} as const satisfies Record<string, Route>;
