export { runBlobStoreConformance, type BlobPlace } from './blob-store-conformance.js';
