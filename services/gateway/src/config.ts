import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ProblemError } from '@anime/problem-details';
import { keysFolderFault } from '@anime/sealed-fields';
import {
  accessConfig,
  baseConfig,
  blobsConfig,
  databaseConfig,
  folder,
  readConfig,
  subjectKeysConfig,
  wholeNumber,
} from '@anime/service-runtime';
import { z } from 'zod';

/** The gateway's port when PORT does not say (architecture §5). */
export const GATEWAY_PORT = 8331;

/** The repository's `workflows/`, seen from `src/` and from `dist/` alike. */
const BUILT_IN_WORKFLOWS = fileURLToPath(new URL('../../../workflows', import.meta.url));

/** Where the keys of personal text lie, and the data that they must not lie in. */
const foldersConfig = {
  ...blobsConfig,
  ...subjectKeysConfig,
  ANIME_LIBRARY_DIR: folder('.anime/library').describe('the library, where this machine has it: no keys may lie in it'),
};

const GatewayConfigSchema = z.object({
  ...baseConfig(GATEWAY_PORT),
  ...databaseConfig,
  ...accessConfig,
  ...foldersConfig,
  ANIME_WORKFLOWS_DIR: folder(BUILT_IN_WORKFLOWS).describe('the folder of the workflow templates'),
  ANIME_QUEUE_LIMIT: wholeNumber(1).default(10_000).describe('how many jobs may wait before new ones are refused'),
  ANIME_RATE_LIMIT: wholeNumber(0)
    .default(200)
    .describe('how many requests one caller may send in a second; 0 for no limit'),
  ANIME_CHECKPOINT: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('the file name of the checkpoint to use where a request names none'),
});
export type GatewayConfig = Readonly<z.infer<typeof GatewayConfigSchema>>;

const KeysCommandConfigSchema = z.object({ NATS_URL: baseConfig(GATEWAY_PORT).NATS_URL, ...foldersConfig });
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The gateway's configuration from the environment.
 * @throws ProblemError `configuration-invalid` naming every bad variable
 */
export function readGatewayConfig(env: Environment = process.env): GatewayConfig {
  return withKeysOutside(readConfig(GatewayConfigSchema, env));
}

/** What `keys create` of the gateway's binary reads; throws as `readGatewayConfig` does. */
export function readKeysCommandConfig(
  env: Environment = process.env,
): Readonly<z.infer<typeof KeysCommandConfigSchema>> {
  return withKeysOutside(readConfig(KeysCommandConfigSchema, env));
}

type Folders = Pick<GatewayConfig, 'ANIME_KEYS_DIR' | 'ANIME_BLOBS_DIR' | 'ANIME_LIBRARY_DIR'>;

function withKeysOutside<Config extends Folders>(config: Config): Config {
  const { ANIME_KEYS_DIR, ANIME_BLOBS_DIR, ANIME_LIBRARY_DIR } = config;
  const fault = keysFolderFault(ANIME_KEYS_DIR, [...dataFolderOf(ANIME_BLOBS_DIR), ANIME_BLOBS_DIR, ANIME_LIBRARY_DIR]);
  if (fault === undefined) return config;
  throw new ProblemError('configuration-invalid', '1 variable(s) of the environment are not usable', {
    errors: [{ path: 'ANIME_KEYS_DIR', message: `expected a folder outside the data, but ${fault}` }],
  });
}

/** The local stack's folder of everything, when the blobs lie in one. */
function dataFolderOf(blobsDir: string): readonly string[] {
  const parent = path.dirname(blobsDir);
  return path.basename(parent) === '.anime' ? [parent] : [];
}
