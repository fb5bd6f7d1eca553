// The options of `npm start` and `npm run demo`. bootstrap.mjs lists them before any package is installed, src/main.ts reads
// them.
import { fileURLToPath } from 'node:url';

const DATA_DIR = {
  flags: '--data-dir <folder>',
  meaning: 'where events, database, files and logs lie',
  fallback: fileURLToPath(new URL('../../.anime', import.meta.url)),
};

export const OPTIONS = {
  demo: [
    DATA_DIR,
    {
      flags: '--prompt <text>',
      meaning: 'what the picture shows',
      fallback: 'a girl with blue hair on a cliff above the sea, sunset',
    },
  ],
  start: [
    DATA_DIR,
    {
      flags: '--free-ports',
      meaning: 'let the system choose the ports, in place of 8329 and 8331 to 8335',
      fallback: false,
    },
  ],
};
