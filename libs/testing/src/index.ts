export { eventually, type EventuallyOptions } from './eventually.js';
export { freePort } from '@anime/embedded-servers';
export { GARBAGE_HEADERS, publishRaw, type RawMessage } from './publish-raw.js';
export { createTestDatabase, type TestDatabase, type TestDatabaseTemplate } from './test-database.js';
export { useNats, type TestNats } from './use-nats.js';
export type { JsonLine } from './output-recorder.js';
export { spawnService, type ServiceProcess, type SpawnServiceOptions } from './spawn-service.js';
