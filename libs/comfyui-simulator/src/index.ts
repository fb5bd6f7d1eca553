export type { Counters } from './counters.js';
export type { Faults, NodeFailure } from './faults.js';
export type { Gpu, GpuMemory } from './gpu.js';
export { readPngText } from './png-text.js';
export { DEFAULT_CHECKPOINT, type ModelFiles } from './model-files.js';
export { type PreviewMethod, type Simulator, type SimulatorOptions, startSimulator } from './simulator.js';
