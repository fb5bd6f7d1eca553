import type { Scope } from '@anime/contracts';

/** Who sends a request. */
export interface Caller {
  /** Opaque id (law 11); stands as `ce-actor` in the events of the caller's commands. */
  readonly actor: string;
  readonly scopes: readonly Scope[];
  /** The key that was shown; null for the user of this machine. */
  readonly keyId: string | null;
}
