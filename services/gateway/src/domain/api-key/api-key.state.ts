/** What matters of one key for what may be done to it. */
export interface ApiKeyState {
  readonly stage: 'absent' | 'issued' | 'revoked';
}

export const NO_KEY: ApiKeyState = { stage: 'absent' };
