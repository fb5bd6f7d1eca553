import { randomUUID } from 'node:crypto';
import pg from 'pg';

/** Set by the Jest project's global set-up (jest/global-setup.mjs), or by hand to use a cluster of your own. */
const CLUSTER_URL = 'ANIME_TEST_POSTGRES_URL';

export interface TestDatabase extends AsyncDisposable {
  /** Connection URL as superuser, password included. */
  readonly url: string;
  readonly name: string;
}

export interface TestDatabaseTemplate {
  /** Names the content, for example `jobs-migrations`; one template per key and Jest run. */
  readonly key: string;
  /** Fills an empty database (migrations, fixtures) and closes its connections. Runs once per Jest run. */
  readonly prepare: (url: string) => Promise<void>;
}

/**
 * Makes a fresh database in the run's one cluster, as a copy of `template` if given. Dispose it (`await using`, or in
 * afterAll) to drop it; connections still open are ended then.
 *
 * @throws Error when called outside the int and e2e projects, which start the cluster.
 */
export async function createTestDatabase(template?: TestDatabaseTemplate): Promise<TestDatabase> {
  const cluster = clusterUrl();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await withClient(cluster, async (client) => {
    const source = template === undefined ? undefined : await ensureTemplate(client, cluster, template);
    await client.query(`CREATE DATABASE ${name}${source === undefined ? '' : ` TEMPLATE ${source}`}`);
  });
  return {
    url: databaseUrl(cluster, name),
    name,
    [Symbol.asyncDispose]: () =>
      withClient(cluster, async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

/** Workers of one run meet here: the first makes the template under an advisory lock, the others wait for it. */
async function ensureTemplate(client: pg.Client, cluster: string, template: TestDatabaseTemplate): Promise<string> {
  const name = `template_${Buffer.from(template.key).toString('hex').slice(0, 50)}`;
  await client.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount === 0) {
      const draft = `${name}_draft`;
      await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${draft}`);
      await template.prepare(databaseUrl(cluster, draft));
      // Renamed only when complete: a failed preparation leaves nothing that looks like a template.
      await client.query(`ALTER DATABASE ${draft} RENAME TO ${name}`);
    }
  } finally {
    await client.query('SELECT pg_advisory_unlock(hashtext($1))', [name]);
  }
  return name;
}

function clusterUrl(): string {
  const url = process.env[CLUSTER_URL];
  if (url === undefined) {
    throw new Error(
      `${CLUSTER_URL} is not set: only .int.spec.ts and .e2e.spec.ts files have a PostgreSQL (run them through Jest's projects int and e2e).`,
    );
  }
  return url;
}

function databaseUrl(cluster: string, name: string): string {
  const url = new URL(cluster);
  url.pathname = `/${name}`;
  return url.href;
}

async function withClient(url: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
