export { MemoryLog, type MemoryLogOptions } from './memory-log.js';
export type { RawMessage } from './memory-storage.js';
