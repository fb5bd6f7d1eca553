const MODEL_FILE = /\.(safetensors|sft|ckpt|pt|pt2|pth|bin|gguf|onnx)$/i;

/** Whether a value of a graph is called as models are. */
export function isModelFile(name: string): boolean {
  return MODEL_FILE.test(name);
}

/** A model that the server does not have, and which input wanted it. */
export interface MissingModel {
  readonly node: string;
  readonly classType: string;
  readonly input: string;
  readonly wanted: string;
  /** The names that the server told with the error; null when the list was too long for it (more than 20). */
  readonly available: readonly string[] | null;
}
