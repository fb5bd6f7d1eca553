export type { Caller } from './caller.js';
export { challengeOf, Doorkeeper, missingScope, TRUST_MS, type DoorkeeperOptions } from './doorkeeper.js';
export { allows, KeyRing, type KnownKey } from './key-ring.js';
export { keyRingRow, watchKeyRing } from './key-row.js';
export { hashOfKey, hintOfKey, newKey } from './key-text.js';
export { localUser, type DistinctHeaders, type LocalUserConfig } from './local-user.js';
