import type { Gpu } from '../gpu.js';
import type { Graph, Link } from '../graph.js';
import type { ModelFiles } from '../model-files.js';
import type { NodeInputs, Value } from './values.js';

/** `[type or list of choices, configuration]`, in either of ComfyUI's two generations of the format. */
export type InputSpec = readonly [
  type: string | readonly (string | number)[],
  config?: Readonly<Record<string, unknown>>,
];

/** The entry of GET /object_info for one class, field names as ComfyUI writes them. */
export interface NodeInfo {
  readonly input: {
    readonly required?: Readonly<Record<string, InputSpec>>;
    readonly optional?: Readonly<Record<string, InputSpec>>;
    readonly hidden?: Readonly<Record<string, unknown>>;
  };
  readonly output: readonly string[];
  readonly name: string;
  readonly output_node: boolean;
  readonly [field: string]: unknown;
}

/** What a node may see of its server when it describes itself. Both are read live. */
export interface NodeEnvironment {
  readonly modelFiles: ModelFiles;
  readonly directories: Directories;
}

/** Folders of the simulated server, absolute. */
export interface Directories {
  readonly output: string;
  readonly input: string;
  readonly temp: string;
}

/** A picture that goes out beside a tick of the progress bar. */
export interface PreviewImage {
  readonly format: 'jpeg' | 'png';
  readonly bytes: Buffer;
}

/** What a node may use while it runs. */
export interface NodeContext extends NodeEnvironment {
  readonly nodeId: string;
  readonly graph: Graph;
  /** `extra_data.extra_pnginfo`: each key becomes a text chunk of its own. */
  readonly extraPnginfo: Readonly<Record<string, unknown>>;
  readonly stepDelayMs: number;
  readonly gpu: Gpu;
  readonly wantsPreviews: boolean;
  /**
   * A tick of the node's progress bar; throws the interruption if one was asked for.
   * @returns resolves when the node may go on, which is at once unless the worker stalls
   */
  progress(value: number, max: number, preview?: PreviewImage): Promise<void>;
  /** Text for the node's face, on the websocket only. */
  sendText(text: string): void;
  /** Lets so many ms pass; ends early with the process. */
  pause(ms: number): Promise<void>;
  /** For long work without a progress bar. */
  throwIfInterrupted(): void;
  countSamplerRun(): void;
}

export interface NodeResult {
  readonly outputs: readonly Value[];
  /** What `executed` and history report. Only output nodes have it. */
  readonly ui?: Readonly<Record<string, readonly unknown[]>>;
}

/** A node that replaces itself: its outputs are those of nodes that run in its place. */
export interface NodeExpansion {
  readonly expand: Graph;
  readonly outputs: readonly Link[];
}

export type NodeOutcome = NodeResult | NodeExpansion;

/** Why a graph must not run although its inputs have the right types; undefined when it may. */
export interface CustomValidation {
  /** The inputs that are blamed; their lists of choices are not asked. */
  readonly inputs: readonly string[];
  check(inputs: NodeInputs, environment: NodeEnvironment): string | undefined;
}

/** What a node class does. */
export interface NodeBehaviour {
  execute(inputs: NodeInputs, context: NodeContext): Promise<NodeOutcome> | NodeOutcome;
  /** VALIDATE_INPUTS */
  readonly validate?: CustomValidation;
  /** IS_CHANGED: joins the key of the cache; NaN equals nothing, so that the node runs each time. */
  fingerprint?(inputs: NodeInputs, environment: NodeEnvironment): Promise<string | number> | string | number;
  /** An `async def`: other nodes run while it waits. */
  readonly isAsync?: boolean;
  /** check_lazy_status: the lazy inputs it needs after all. */
  lazyInputs?(inputs: NodeInputs): readonly string[];
}

/** One node class: its behaviour with its entry of /object_info. */
export interface NodeKind extends NodeBehaviour {
  info(environment: NodeEnvironment): NodeInfo;
}
