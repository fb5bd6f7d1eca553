// Starts the one PostgreSQL of a Jest run (projects int and e2e) and exports its address to the workers. Jest loads this
// file outside its module system, so embedded-servers is read as TypeScript by Node itself (see typescript-source.mjs).
import { importSource } from './typescript-source.mjs';

const SERVER = Symbol.for('anime.test-postgres');

/** With ANIME_TEST_POSTGRES_URL set beforehand, that cluster is used and left alone. */
export default async function globalSetup() {
  if (process.env.ANIME_TEST_POSTGRES_URL !== undefined || globalThis[SERVER] !== undefined) return;
  const { startPostgres } = await importSource('../../embedded-servers/src/index.ts');
  const server = await startPostgres({ durable: false });
  globalThis[SERVER] = server;
  process.env.ANIME_TEST_POSTGRES_URL = server.url();
}
