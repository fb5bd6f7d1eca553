import { z } from 'zod';
import { IssuedKey, IssueKeyRequest, KeyList, KeyParams, RevokedKey } from './keys.js';
import { CommandHeaders } from './parameters.js';
import { APPEND_PROBLEMS, BODY_PROBLEMS, SEAL_PROBLEMS } from './problem-sets.js';
import { defineRoute, type Route } from './route.js';

/** The operations on API keys. */
export const KEY_ROUTES = {
  createKey: defineRoute({
    operationId: 'createKey',
    method: 'post',
    path: '/api/anime/keys',
    tag: 'keys',
    summary: 'Issue an API key',
    scope: 'admin',
    description:
      'The answer holds the key, this once: it is stored nowhere. So no Idempotency-Key can bring it back: when the answer was lost, revoke the key (the list shows it) and issue another.',
    headers: CommandHeaders,
    body: IssueKeyRequest,
    answers: {
      201: {
        description: 'The key is in the log and opens this gateway.',
        schema: IssuedKey,
        headers: { 'Cache-Control': { description: 'no cache may keep the key', schema: z.literal('no-store') } },
      },
    },
    problems: [...BODY_PROBLEMS, ...SEAL_PROBLEMS, ...APPEND_PROBLEMS],
  }),
  listKeys: defineRoute({
    operationId: 'listKeys',
    method: 'get',
    path: '/api/anime/keys',
    tag: 'keys',
    summary: 'List all API keys, newest first',
    scope: 'admin',
    description: 'Revoked and expired ones too. Read from the log: a key stands here as soon as it was issued.',
    answers: { 200: { description: 'Every key that was ever issued.', schema: KeyList } },
    problems: ['validation-failed', 'log-unavailable'],
  }),
  revokeKey: defineRoute({
    operationId: 'revokeKey',
    method: 'post',
    path: '/api/anime/keys/{id}/revoke',
    tag: 'keys',
    summary: 'Revoke an API key',
    scope: 'admin',
    description:
      'Takes no body. From the answer on the key opens nothing here, and on other gateways within a second. A key that is revoked already is answered in the same way.',
    params: KeyParams,
    headers: CommandHeaders,
    answers: { 200: { description: 'The key is revoked, for ever.', schema: RevokedKey } },
    problems: [...BODY_PROBLEMS, 'key-not-found', 'newer-contract', ...APPEND_PROBLEMS],
  }),
} as const satisfies Record<string, Route>;
