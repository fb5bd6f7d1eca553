export type { Counters } from './counters.js';
export {
  parseFaults,
  type Faults,
  type LatencySpikes,
  type LostEvents,
  type NodeFailure,
  type TornFiles,
} from './faults.js';
export type { Gpu, GpuMemory } from './gpu.js';
export { readPngText } from './png-text.js';
export {
  FAULT_MOMENTS,
  type FaultMoment,
  PROMPT_FAULT_KINDS,
  type PromptFault,
  type PromptFaultKind,
} from './prompt-fault.js';
export { DEFAULT_CHECKPOINT, type ModelFiles } from './model-files.js';
export { type PreviewMethod, type Simulator, type SimulatorOptions, startSimulator } from './simulator.js';
