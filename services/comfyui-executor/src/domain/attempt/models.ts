const MODEL_FILE = /\.(safetensors|sft|ckpt|pt|pt2|pth|bin|gguf|onnx)$/i;

/** Whether a value of a graph is called as models are. */
export function isModelFile(name: string): boolean {
  return MODEL_FILE.test(name);
}
