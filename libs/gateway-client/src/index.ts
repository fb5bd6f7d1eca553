export { createGatewayClient, type GatewayClient } from './gateway-client.js';
export { GatewayError, unwrap } from './unwrap.js';
import type { components } from './generated/api.js';

/** The API's named schemas, as `Schemas['Job']`. */
export type Schemas = components['schemas'];
