import type { EventData, ExecutorEnvironmentChangedV1 } from '@anime/contracts';

export type EnvironmentData = EventData<typeof ExecutorEnvironmentChangedV1>;
/** What an environment's name is the hash of. */
export type EnvironmentFields = Omit<EnvironmentData, 'environment'>;

/** What a server tells of itself (`GET /system_stats`); sizes in bytes. */
export interface ServerSystem {
  readonly system: {
    readonly comfyui_version: string;
    readonly python_version?: string | undefined;
    readonly pytorch_version?: string | undefined;
    readonly os?: string | undefined;
    readonly argv: readonly string[];
  };
  readonly devices: readonly {
    readonly name: string;
    readonly type?: string | undefined;
    readonly vram_total?: number | null | undefined;
  }[];
}

/** A node pack that the server lists by itself. */
export interface ListedPack {
  readonly name: string;
  readonly version: string | null;
  readonly isEnabled: boolean;
}

/** The fields of an environment, each in one form: equal servers give equal fields. */
export function environmentFields(
  { system, devices }: ServerSystem,
  nodeDefinitions: EnvironmentFields['nodeDefinitions'],
  packs: EnvironmentFields['packs'],
): EnvironmentFields {
  return {
    comfyuiVersion: system.comfyui_version,
    pythonVersion: pythonVersion(system.python_version),
    pytorchVersion: system.pytorch_version ?? null,
    cudaVersion: cudaVersion(system.pytorch_version),
    os: system.os ?? null,
    arguments: withoutPersonal(system.argv),
    devices: devices.map(({ name, type, vram_total: vram }) => ({ name, type: type ?? null, vramBytes: vram ?? 0 })),
    nodeDefinitions,
    packs,
  };
}

/** Of CUDA or ROCm, from the local part of PyTorch's version: `2.13.0+cu130` is 13.0, `2.7.1+rocm6.3` is rocm6.3. */
export function cudaVersion(pytorch: string | undefined): string | null {
  const local = /\+([a-z]+)([\d.]+)/.exec(pytorch ?? '');
  if (local === null) return null;
  const [, kind, digits = ''] = local;
  if (kind === 'rocm') return `rocm${digits}`;
  return kind === 'cu' ? `${digits.slice(0, -1)}.${digits.slice(-1)}` : null;
}

/** Python's own line goes on with who built it, when and with what. */
function pythonVersion(line: string | undefined): string | null {
  if (line === undefined) return null;
  return /^\d+\.\d+\S*/.exec(line)?.[0] ?? line;
}

/** A switch, with or without its value. */
const OPTION = /^(--?[A-Za-z][\w-]*)(?:=(.*))?$/s;
/** Numbers, words for on and off, and the words that ComfyUI has for precisions, methods and modes: nothing that a person chose. */
const HARMLESS =
  /^(\d+(\.\d+)?|on|off|true|false|yes|no|auto|none|default|normal|latest|fp(8|16|32|64)(_\w{1,10})?|bf16|latent2rgb|taesd|cudaMallocAsync|native|DEBUG|INFO|WARNING|ERROR|CRITICAL)$/i;

/**
 * The arguments of the server without what its people chose: paths, names, addresses may tell of a person (law 11). Switches stay;
 * of values only those that are numbers or known words, of the script itself the base name.
 */
export function withoutPersonal(argv: readonly string[]): string[] {
  const [script, ...options] = argv;
  if (script === undefined) return [];
  const bare = options.flatMap((argument) => {
    const [, option, value] = OPTION.exec(argument) ?? [];
    if (option === undefined) return HARMLESS.test(argument) ? [argument] : [];
    return [value === undefined || HARMLESS.test(value) ? argument : option];
  });
  const name = script.split(/[\\/]/).at(-1) ?? '';
  return name === '' ? bare : [name, ...bare];
}

const CUSTOM_NODES = 'custom_nodes.';

/**
 * Node packs by name: those that the server lists and has switched on, and those that its node classes come from, whose version
 * it does not tell.
 * @param listed undefined where the server keeps no list (it runs without ComfyUI-Manager)
 * @param modules `python_module` of the node classes
 */
export function packsOf(
  listed: readonly ListedPack[] | undefined,
  modules: Iterable<string>,
): EnvironmentFields['packs'] {
  const versions = new Map<string, string | null>();
  for (const module of modules)
    if (module.startsWith(CUSTOM_NODES)) versions.set(module.slice(CUSTOM_NODES.length), null);
  for (const { name, version, isEnabled } of listed ?? []) if (isEnabled && name !== '') versions.set(name, version);
  versions.delete('');
  return [...versions].map(([name, version]) => ({ name, version })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
