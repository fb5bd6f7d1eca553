const SERVER = Symbol.for('anime.test-postgres');

export default async function globalTeardown() {
  const server = globalThis[SERVER];
  if (server === undefined) return;
  delete globalThis[SERVER];
  delete process.env.ANIME_TEST_POSTGRES_URL;
  await server.stop();
}
