export type { EndedPrompt, NodeErrors, PromptRefusal, StatusMessage } from './answers.js';
export type { Preview } from './binary-frame.js';
export * from './comfy-client.js';
export type { CallOptions } from './comfy-http.js';
export * from './comfy-socket.js';
export * from './definitions/definitions-hash.js';
export { inputSpecJson, parseInputSpec } from './definitions/input-spec.js';
export type {
  AutogrowSpec,
  ComboSpec,
  ComboValue,
  DynamicComboSpec,
  InputSpec,
  ValueInputs,
} from './definitions/input-spec.js';
export * from './definitions/node-definition.js';
export * from './errors.js';
export * from './execution-error.js';
export type { OnPreview } from './latest-preview.js';
export * from './memory-figures.js';
export * from './output-files.js';
export * from './restart-evidence.js';
export type { InstalledPack, ModelFile, ServerFeatures, SystemStats } from './server-answers.js';
export { parseServerJson, type JsonValue } from './server-json.js';
export * from './server-message.js';
export type { Upload } from './upload.js';
export * from './verdict.js';
