import path from 'node:path';
import { namedServers, Slug, type NamedServer } from '@anime/contracts';
import { baseConfig, blobsConfig, Flag, hasEncodedLogin, wholeNumber } from '@anime/service-runtime';
import { z } from 'zod';

/** One ComfyUI server of this process; its address is `http(s)://[user:password@]host[:port][/path]`. */
export type ComfyServer = NamedServer;

/** The servers of COMFYUI_URLS; undefined when a name or an address is not one, or is given twice. */
export function parseServers(text: string): readonly ComfyServer[] | undefined {
  const servers = namedServers(text);
  const valid = servers.every(({ name, url }) => Slug.safeParse(name).success && isAddress(url));
  const distinct = (values: readonly string[]): boolean => new Set(values).size === values.length;
  if (!valid || !distinct(servers.map(({ name }) => name))) return undefined;
  // One server under two names would be given twice the work that it can do.
  return distinct(servers.map(({ url }) => place(url))) ? servers : undefined;
}

function isAddress(text: string): boolean {
  const url = /^https?:\/\/\S+$/.test(text) ? URL.parse(text) : null;
  return url !== null && url.search === '' && url.hash === '' && hasEncodedLogin(text);
}

function place(address: string): string {
  const { host, pathname } = new URL(address);
  return host + pathname.replace(/\/$/, '');
}

const Servers = z
  .string()
  .transform((text, context) => {
    const servers = parseServers(text);
    if (servers === undefined) context.addIssue({ code: 'custom', message: 'not addresses of ComfyUI servers' });
    return servers ?? [];
  })
  .prefault('http://127.0.0.1:8188')
  .describe(
    'addresses of distinct ComfyUI servers separated by commas, http://host:port or name=http://host:port with distinct kebab-case names; user and password in an address percent-encoded (% is %25)',
  );

/** Where the models of servers are: of all, or by the name of each. */
export type ModelsFolders = string | ReadonlyMap<string, string>;

/**
 * The folders of COMFYUI_MODELS_DIR: `path` for all servers, or `name=path,…`.
 * @returns undefined when a name is none, or is given twice, or a path is missing
 */
export function parseModelsFolders(text: string): ModelsFolders | undefined {
  const named = /^\s*([^=/\\,]*)=/.test(text);
  if (!named) return text.trim() === '' ? undefined : folderAt(text);
  const folders = text.split(',').map((part) => /^\s*([^=/\\]*)=(.*\S)\s*$/.exec(part));
  const byName = new Map<string, string>();
  for (const folder of folders) {
    const [, name = '', place = ''] = folder ?? [];
    if (!Slug.safeParse(name).success || place === '' || byName.has(name)) return undefined;
    byName.set(name, folderAt(place));
  }
  return byName;
}

/** A folder of a server that there is not would be read by nobody, and nobody would be told. */
function isOfServers(folders: ModelsFolders | undefined, servers: readonly ComfyServer[]): boolean {
  const names = servers.map(({ name }) => name);
  return (
    folders === undefined || typeof folders === 'string' || [...folders.keys()].every((name) => names.includes(name))
  );
}

/** A relative one is meant from where the user called npm. */
function folderAt(text: string): string {
  return path.resolve(process.env['INIT_CWD'] ?? '', text.trim());
}

/** The folder of one server's models; undefined when none is given. */
export function modelsFolderOf(folders: ModelsFolders | undefined, server: string): string | undefined {
  return typeof folders === 'string' ? folders : folders?.get(server);
}

const Models = z
  .string()
  .transform((text, context) => {
    const folders = parseModelsFolders(text);
    if (folders === undefined) context.addIssue({ code: 'custom', message: 'no folder of models' });
    return folders ?? '';
  })
  .optional()
  .describe(
    'the folder of the models of the ComfyUI servers, or name=folder,… with the names of COMFYUI_URLS: results then name the SHA-256 of their models',
  );

/** What the comfyui-executor reads from the environment. */
export const ComfyuiExecutorConfig = z
  .object({
    ...baseConfig(8333),
    ...blobsConfig,
    COMFYUI_URLS: Servers,
    COMFYUI_MODELS_DIR: Models,
    ANIME_SILENCE_LIMIT_MS: wholeNumber(10_000)
      .default(1_200_000)
      .describe(
        'milliseconds for which a running prompt may tell nothing; after two to three times that it is stopped, or its server taken for stopped',
      ),
    ANIME_UNHEARD_LIMIT_MS: wholeNumber(10_000)
      .default(43_200_000)
      .describe(
        'milliseconds for which a prompt may run that cannot be heard, as the executor was restarted or its websocket cut since it was sent; then it is stopped. Far more than any job takes',
      ),
    ANIME_PREVIEWS: Flag.default(true).describe('1 or 0: whether viewers get pictures while a job runs'),
  })
  .refine(({ COMFYUI_URLS: servers, COMFYUI_MODELS_DIR: folders }) => isOfServers(folders, servers), {
    path: ['COMFYUI_MODELS_DIR'],
  });
export type ComfyuiExecutorConfig = Readonly<z.infer<typeof ComfyuiExecutorConfig>>;
