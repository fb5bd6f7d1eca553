import { ApiKeyIssuedV1, ApiKeyRevokedV1, type EventData } from '@anime/contracts';
import { given, testEvent } from '@anime/event-store/testing';
import { describe, expect, it } from '@jest/globals';
import { apiKeyDecider, type ApiKeyCommand } from './api-key.decide.js';

const KEY = '018f0000-0000-7000-8000-000000000001';
const NOW = '2026-01-02T03:04:05.678Z';
const data: EventData<typeof ApiKeyIssuedV1> = {
  actor: '018f0000-0000-7000-8000-000000000002',
  hash: 'a'.repeat(64),
  hint: 'anime_Ab3d',
  scopes: ['jobs:read'],
  label: null,
  expiresAt: null,
};
const issue: ApiKeyCommand = { kind: 'IssueKey', key: data, now: NOW };
const revoke: ApiKeyCommand = { kind: 'RevokeKey' };
const issued = testEvent(ApiKeyIssuedV1, KEY, data);
const revoked = testEvent(ApiKeyRevokedV1, KEY, {});

describe('an API key', () => {
  it('is issued once', () => {
    expect(given(apiKeyDecider, []).when(issue).then(ApiKeyIssuedV1, data)).toEqual({ stage: 'issued' });
    given(apiKeyDecider, [issued]).when(issue).thenNothing();
    given(apiKeyDecider, [issued, revoked]).when(issue).thenNothing();
  });

  it('must not have expired when it is issued', () => {
    const later = { ...data, expiresAt: '2026-01-02T03:04:05.679Z' };
    given(apiKeyDecider, []).when({ kind: 'IssueKey', key: later, now: NOW }).then(ApiKeyIssuedV1, later);
    for (const expiresAt of [NOW, '2026-01-02T03:04:05.677Z']) {
      given(apiKeyDecider, [])
        .when({ kind: 'IssueKey', key: { ...data, expiresAt }, now: NOW })
        .thenRefused('validation-failed');
    }
  });

  it('is revoked once, for ever', () => {
    expect(given(apiKeyDecider, [issued]).when(revoke).then(ApiKeyRevokedV1, {})).toEqual({ stage: 'revoked' });
    given(apiKeyDecider, [issued, revoked]).when(revoke).thenNothing();
    given(apiKeyDecider, [revoked, issued]).when(revoke).thenNothing();
  });

  it('cannot be revoked when it was never issued', () => {
    given(apiKeyDecider, []).when(revoke).thenRefused('key-not-found');
  });
});
