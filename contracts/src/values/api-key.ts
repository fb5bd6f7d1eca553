import { z } from 'zod';
import { Scope } from './scope.js';

/** What every API key begins with, so that people and scanners of leaked secrets know one when they see it. */
export const API_KEY_PREFIX = 'anime_';

/** A whole API key: the prefix and 32 random bytes in base64url. Only its owner has it; the log holds its hash. */
export const ApiKeyText = z
  .string()
  .regex(/^anime_[A-Za-z0-9_-]{43}$/)
  .meta({ description: 'an API key; it is shown this once' });

/** The first characters of a key, by which its owner knows it again. What is left out is far too much to guess (234 bits). */
export const ApiKeyHint = z
  .string()
  .regex(/^anime_[A-Za-z0-9_-]{4}$/)
  .meta({ description: 'the first characters of the key' });

/** What a key lets its owner do: each scope once, at least one. */
export const KeyScopes = z
  .array(Scope)
  .min(1)
  .refine((scopes) => new Set(scopes).size === scopes.length, 'must name each scope once')
  .meta({ uniqueItems: true });
