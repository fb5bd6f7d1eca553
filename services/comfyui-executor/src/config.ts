import { Slug } from '@anime/contracts';
import { baseConfig, blobsConfig } from '@anime/service-runtime';
import { z } from 'zod';

/** One ComfyUI server of this process. */
export interface ComfyServer {
  /** Names the executor: its id is derived from it and the studio, never from the address. */
  readonly name: string;
  /** `http(s)://host[:port][/path]` */
  readonly url: string;
}

/** `name=url,…` or plain addresses, which are `comfyui-1`, `comfyui-2`… by their place. */
export function parseServers(text: string): readonly ComfyServer[] | undefined {
  const servers = text.split(',').map((part, index): ComfyServer => {
    const [, name = `comfyui-${index + 1}`, url = ''] = /^(?:([^=:/]*)=)?(.*)$/.exec(part.trim()) ?? [];
    return { name: name.trim(), url: url.trim() };
  });
  const valid = servers.every(
    ({ name, url }) => Slug.safeParse(name).success && /^https?:\/\/\S+$/.test(url) && URL.canParse(url),
  );
  const distinct = new Set(servers.map(({ name }) => name)).size === servers.length;
  return valid && distinct ? servers : undefined;
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
    'ComfyUI addresses separated by commas, http://host:port or name=http://host:port with distinct kebab-case names',
  );

/** What the comfyui-executor reads from the environment. */
export const ComfyuiExecutorConfig = z.object({ ...baseConfig(8333), ...blobsConfig, COMFYUI_URLS: Servers });
export type ComfyuiExecutorConfig = Readonly<z.infer<typeof ComfyuiExecutorConfig>>;
