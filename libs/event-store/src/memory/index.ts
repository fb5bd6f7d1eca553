export { MemoryLog, type MemoryLogOptions, type RawMessage } from './memory-log.js';
