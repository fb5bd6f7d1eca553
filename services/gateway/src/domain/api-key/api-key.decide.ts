import { ApiKeyIssuedV1, ApiKeyRevokedV1, type EventData } from '@anime/contracts';
import { decided, NOTHING, refused, type Decider, type Decision } from '@anime/event-store/pure';
import { evolveApiKey, type ApiKeyEvent } from './api-key.evolve.js';
import { NO_KEY, type ApiKeyState } from './api-key.state.js';

/** What somebody may want of a key. The key itself is made before, and is not in the command. */
export type ApiKeyCommand =
  | { readonly kind: 'IssueKey'; readonly key: EventData<typeof ApiKeyIssuedV1>; readonly now: string }
  | { readonly kind: 'RevokeKey' };

/** Decides one command on one key. What has had its effect already leads to nothing. */
export function decideApiKey(
  command: ApiKeyCommand,
  key: ApiKeyState,
): Decision<typeof ApiKeyIssuedV1 | typeof ApiKeyRevokedV1> {
  switch (command.kind) {
    case 'IssueKey': {
      const { expiresAt } = command.key;
      if (key.stage !== 'absent') return NOTHING;
      return expiresAt !== null && expiresAt <= command.now
        ? refused('validation-failed', `expiresAt must lie in the future, and ${expiresAt} is past`)
        : decided(ApiKeyIssuedV1, command.key);
    }
    case 'RevokeKey':
      switch (key.stage) {
        case 'absent':
          return refused('key-not-found', 'no such key was ever issued; the id of a key is not the key itself');
        case 'revoked':
          return NOTHING;
        case 'issued':
          return decided(ApiKeyRevokedV1, {});
      }
  }
}

export const apiKeyDecider: Decider<ApiKeyState, ApiKeyCommand, ApiKeyEvent> = {
  foldVersion: 1,
  initial: NO_KEY,
  decide: decideApiKey,
  evolve: evolveApiKey,
};
