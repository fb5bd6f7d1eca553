import type { Graph } from '../graph.js';
import type { NodeInputs, Value } from './values.js';

/** `[type or list of choices, configuration]`, in either of ComfyUI's two generations of the format. */
export type InputSpec = readonly [type: string | readonly string[], config?: Readonly<Record<string, unknown>>];

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

/** What a node may see of its server when it describes itself. */
export interface NodeEnvironment {
  readonly checkpoints: readonly string[];
}

/** Folders of the simulated server, absolute. */
export interface Directories {
  readonly output: string;
  readonly input: string;
  readonly temp: string;
}

/** What a node may use while it runs. */
export interface NodeContext {
  readonly graph: Graph;
  /** `extra_data.extra_pnginfo`: each key becomes a text chunk of its own. */
  readonly extraPnginfo: Readonly<Record<string, unknown>>;
  readonly directories: Directories;
  readonly stepDelayMs: number;
  /** Pixels of one batch that fit the simulated video memory. */
  readonly maxBatchPixels: number;
  readonly wantsPreviews: boolean;
  /**
   * A tick of the node's progress bar; throws the interruption if one was asked for.
   * @returns resolves when the node may go on, which is at once unless the worker stalls
   */
  progress(value: number, max: number, previewJpeg?: Buffer): Promise<void>;
  /** For long work without a progress bar. */
  throwIfInterrupted(): void;
  countSamplerRun(): void;
}

export interface NodeResult {
  readonly outputs: readonly Value[];
  /** What `executed` and history report. Only output nodes have it. */
  readonly ui?: Readonly<Record<string, readonly unknown[]>>;
}

/** One node class. A new kind is one file that exports one of these, listed in `registry.ts`. */
export interface NodeKind {
  info(environment: NodeEnvironment): NodeInfo;
  execute(inputs: NodeInputs, context: NodeContext): Promise<NodeResult> | NodeResult;
}
