export { EmbeddedServerError, type EmbeddedServerErrorCode } from './embedded-server-error.js';
export { freePort } from './free-port.js';
export { startNatsServer, type NatsServer, type NatsServerOptions } from './nats-server.js';
export { nodeOptionsOf } from './node-options.js';
export { withParentDeath } from './parent-death.js';
export { identify, isAlive, type ProcessIdentity } from './process-identity.js';
export type { ServerExit } from './managed-process.js';
export { startPostgres, type PostgresServer, type PostgresServerOptions } from './postgres-server.js';
