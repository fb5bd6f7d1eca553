// The part of this package that works without Jest: for programs that start services, like the benchmarks.
export { eventually, type EventuallyOptions } from './eventually.js';
export { spawnService, type ServiceProcess, type SpawnServiceOptions } from './spawn-service.js';
