/**
 * The executor works beside a ComfyUI that wants the machine's memory. V8's young generation grows to tens of MiB for each job's
 * short-lived buffers and does not shrink: 362 MiB after 10 000 jobs, 260 to 269 MiB with this, at the same rate. The
 * other services were not measured with it and keep V8's default.
 */
const NODE_OPTIONS: Readonly<Record<string, string>> = { 'comfyui-executor': '--max-semi-space-size=4' };

/**
 * Options of Node that a service is started with; docker-compose.yml sets the same.
 * @param service its name
 * @param given NODE_OPTIONS of the environment: they come later, so they win
 * @returns the variable to set, or nothing
 */
export function nodeOptionsOf(service: string, given?: string): { readonly NODE_OPTIONS?: string } {
  const own = NODE_OPTIONS[service];
  return own === undefined ? {} : { NODE_OPTIONS: given === undefined ? own : `${own} ${given}` };
}
