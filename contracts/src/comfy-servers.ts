/** One ComfyUI server of an executor process, as COMFYUI_URLS names it. */
export interface NamedServer {
  /** Names the executor: its id is derived from it and the studio, never from the address. */
  readonly name: string;
  readonly url: string;
}

/**
 * Takes COMFYUI_URLS apart: `name=url,…` or plain addresses, which are `comfyui-1`, `comfyui-2`… by their place. Neither names
 * nor addresses are checked: that is for the executor, which reads the variable.
 */
export function namedServers(comfyuiUrls: string): readonly NamedServer[] {
  return comfyuiUrls.split(',').map((part, index) => {
    const [, name = `comfyui-${index + 1}`, url = ''] = /^(?:([^=:/]*)=)?(.*)$/.exec(part.trim()) ?? [];
    return { name: name.trim(), url: url.trim() };
  });
}
