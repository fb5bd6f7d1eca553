import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';

/** The key opens nothing any more, for ever. */
export const ApiKeyRevokedV1 = defineEvent({
  type: 'api-key.revoked',
  version: 1,
  aggregate: 'api-key',
  producer: 'gateway',
  description: 'The key opens nothing any more, for ever.',
  data: z.strictObject({}),
});
