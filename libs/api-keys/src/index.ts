export { challengeOf, demandScope, Doorkeeper, TRUST_MS, type Caller, type DoorkeeperOptions } from './doorkeeper.js';
export { allows, KeyRing, type KnownKey } from './key-ring.js';
export { keyRingRow, watchKeyRing } from './key-row.js';
export { hashOfKey, hintOfKey, newKey } from './key-text.js';
export { hasLocalUser, isLoopback, notLocal, originAllowed, type DistinctHeaders } from './local-user.js';
