export type { Counters } from './counters.js';
export type { Faults, NodeFailure } from './faults.js';
export { readPngText } from './png-text.js';
export {
  DEFAULT_CHECKPOINT,
  type PreviewMethod,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from './simulator.js';
