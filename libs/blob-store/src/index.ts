export type { BlobStore, StoredBlob } from './blob-store.js';
export { errnoOf, flushFolder, onDisk, storageFailed } from './disk.js';
export { FsBlobStore } from './fs-blob-store.js';
export { NatsBlobStore } from './nats-blob-store.js';
export type { BlobConnection } from './nats/bucket.js';
