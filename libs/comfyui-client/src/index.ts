export type { EndedPrompt, NodeErrors, PromptRefusal } from './answers.js';
export type { Preview } from './binary-frame.js';
export * from './comfy-client.js';
export type { CallOptions } from './comfy-http.js';
export * from './comfy-socket.js';
export { canonicalDefinitionsInPieces, definitionsHash } from './definitions/definitions-hash.js';
export { parseInputSpec } from './definitions/input-spec.js';
export type {
  AutogrowSpec,
  ComboSpec,
  ComboValue,
  DynamicComboSpec,
  InputSpec,
  ValueInputs,
} from './definitions/input-spec.js';
export { readNodeDefinitions } from './definitions/node-definition.js';
export type { HiddenInput, NodeDefinition, NodeDefinitions, NodeOutput } from './definitions/node-definition.js';
export { AnswerTooLargeError, FileChangedError, FileMissingError, UnexpectedAnswerError } from './errors.js';
export type { ExecutionError } from './execution-error.js';
export type { OnPreview } from './latest-preview.js';
export * from './memory-figures.js';
export { filesOf, textsOf, type ServerFile } from './output-files.js';
export * from './restart-evidence.js';
export type { InstalledPack, ServerFeatures, SystemStats } from './server-answers.js';
export type { PromptMessage } from './server-message.js';
export type { Upload } from './upload.js';
export * from './verdict.js';
