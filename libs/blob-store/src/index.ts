export type { BlobStore, StoredBlob } from './blob-store.js';
export { FsBlobStore } from './fs-blob-store.js';
