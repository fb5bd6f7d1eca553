export * from './comfy-client.js';
export * from './comfy-socket.js';
export * from './errors.js';
export * from './output-files.js';
export * from './prompt-message.js';
export * from './verdict.js';
export { parseServerJson } from './server-json.js';
export type { SystemStats, PromptRefusal, NodeErrors, EndedPrompt, StatusMessage } from './answers.js';
