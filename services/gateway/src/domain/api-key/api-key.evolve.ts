import type { ApiKeyIssuedV1, ApiKeyRevokedV1 } from '@anime/contracts';
import type { EventOf } from '@anime/event-store/pure';
import type { ApiKeyState } from './api-key.state.js';

export type ApiKeyEvent = EventOf<typeof ApiKeyIssuedV1 | typeof ApiKeyRevokedV1>;

/** Folds one event of a key. What is revoked stays so, whatever comes. */
export function evolveApiKey(key: ApiKeyState, event: ApiKeyEvent): ApiKeyState {
  if (event.type === 'api-key.revoked') return { stage: 'revoked' };
  return key.stage === 'absent' ? { stage: 'issued' } : key;
}
