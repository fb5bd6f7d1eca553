export { testEvent, type TestMeta } from './test-event.js';
export { given, recordAll, type Scenario } from './given.js';
export { swapProperty, type SwapOptions } from './swap-property.js';
export { collect } from './collect.js';
