import { z } from 'zod';
import { ApiKeyHint, ApiKeyText, KeyScopes } from '../values/api-key.js';
import { Instant, Uuid } from '../values/primitives.js';
import { PlainText, Position, SealedText } from './fields.js';

/** Longest name of a key, in UTF-16 units. */
export const LABEL_LIMIT = 200;

const KeyId = Uuid.meta({ description: 'names the key; it opens nothing' });
const ActorId = Uuid.meta({ description: 'whom the key acts as; stands in the events of its commands' });

/** `/{id}` of a key. */
export const KeyParams = z.strictObject({ id: KeyId });

/** Body of `POST /api/anime/keys`. */
export const IssueKeyRequest = z
  .strictObject({
    scopes: KeyScopes.meta({ description: 'what the key allows; `admin` includes all others' }),
    label: PlainText.min(1)
      .max(LABEL_LIMIT)
      .optional()
      .meta({ description: 'what people call it; sealed for its actor' }),
    actor: Uuid.optional().meta({
      description: 'whom it acts as, e.g. the actor of the key that it replaces; a new one when absent',
    }),
    expiresAt: Instant.optional().meta({ description: 'from when on it opens nothing; never when absent' }),
  })
  .meta({ id: 'IssueKeyRequest' });
export type IssueKeyRequest = z.infer<typeof IssueKeyRequest>;

/** The answer that holds the key itself. */
export const IssuedKey = z
  .strictObject({
    id: KeyId,
    key: ApiKeyText,
    hint: ApiKeyHint,
    actor: ActorId,
    scopes: KeyScopes,
    expiresAt: Instant.nullable(),
    position: Position,
  })
  .meta({ id: 'IssuedKey' });
export type IssuedKey = z.infer<typeof IssuedKey>;

/** A key as it is listed. */
export const ListedKey = z
  .strictObject({
    id: KeyId,
    hint: ApiKeyHint,
    actor: ActorId,
    scopes: KeyScopes,
    label: SealedText.nullable(),
    issuedAt: Instant,
    issuedBy: z.string().meta({ description: 'actor that issued it, or `service:gateway` from its command line' }),
    expiresAt: Instant.nullable(),
    revokedAt: Instant.nullable(),
    lastUsedAt: Instant.nullable().meta({ description: 'to the minute; null when it was never used' }),
  })
  .meta({ id: 'ListedKey' });
export type ListedKey = z.infer<typeof ListedKey>;

export const KeyList = z
  .strictObject({
    keys: z.array(ListedKey),
    lastUseKnown: z
      .boolean()
      .meta({ description: 'false: it cannot be read just now, and every `lastUsedAt` is null' }),
  })
  .meta({ id: 'KeyList' });
export type KeyList = z.infer<typeof KeyList>;

export const RevokedKey = z.strictObject({ id: KeyId, position: Position }).meta({ id: 'RevokedKey' });
export type RevokedKey = z.infer<typeof RevokedKey>;
