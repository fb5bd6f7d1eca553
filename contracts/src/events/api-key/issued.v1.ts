import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { ApiKeyHint, KeyScopes } from '../../values/api-key.js';
import { Instant, Sha256, Uuid } from '../../values/primitives.js';
import { Sealed } from '../../values/sealed.js';

/** Whoever shows this key may, from now on, do what its scopes say. */
export const ApiKeyIssuedV1 = defineEvent({
  type: 'api-key.issued',
  version: 1,
  aggregate: 'api-key',
  producer: 'gateway',
  description: 'Whoever shows this key may, from now on, do what its scopes say.',
  data: z.strictObject({
    /** Whom the key acts as: `ce-actor` of what is commanded with it. Opaque; several keys may share one. */
    actor: Uuid,
    /** Of the whole key text; the text itself is nowhere. */
    hash: Sha256,
    hint: ApiKeyHint,
    scopes: KeyScopes,
    /** What people call it, sealed for its actor. */
    label: Sealed.nullable(),
    /** From this instant on it is as if revoked; null: never. */
    expiresAt: Instant.nullable(),
  }),
});
