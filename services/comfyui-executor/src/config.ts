import { namedServers, Slug, type NamedServer } from '@anime/contracts';
import { baseConfig, blobsConfig, hasEncodedLogin, wholeNumber } from '@anime/service-runtime';
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

/** What the comfyui-executor reads from the environment. */
export const ComfyuiExecutorConfig = z.object({
  ...baseConfig(8333),
  ...blobsConfig,
  COMFYUI_URLS: Servers,
  ANIME_SILENCE_LIMIT_MS: wholeNumber(10_000)
    .default(1_200_000)
    .describe('milliseconds for which a running prompt may tell nothing before its server is taken for stopped'),
});
export type ComfyuiExecutorConfig = Readonly<z.infer<typeof ComfyuiExecutorConfig>>;
