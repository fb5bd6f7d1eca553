import path from 'node:path';

/** For `node --import`: lets a process run our TypeScript without a build. */
export const TYPESCRIPT_PRELOAD = path.join(import.meta.dirname, '..', 'jest', 'preload-typescript.mjs');
