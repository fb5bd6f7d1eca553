import type { Graph } from '../graph.js';
import { mean, mix, toByte } from '../picture/float32.js';
import { resized } from './batches.js';
import { compute } from './behaviours.js';
import { NodeExecutionError } from './node-errors.js';
import type { NodeBehaviour, NodeContext } from './node-kind.js';
import { anyInput, booleanInput, linkedInput, numberInput } from './values.js';

/** A little more than the shortest time between two ticks that are sent. */
const TICK_MS = 102;

/** ComfyUI's own nodes for tests of its executor, as far as the recordings use them. */
export const TESTING_PACK: Readonly<Record<string, NodeBehaviour>> = {
  TestSleep: {
    isAsync: true,
    async execute(inputs, context) {
      await sleep(numberInput(inputs, 'seconds'), context);
      return { outputs: [anyInput(inputs, 'value')] };
    },
  },

  /** Three sleeps side by side and the mean of their pictures. */
  TestParallelSleep: {
    execute(inputs, { nodeId }) {
      const id = (number: number): string => `${nodeId}.0.0.${number}`;
      const expand: Graph = {};
      for (const number of [1, 2, 3]) {
        const widgets = { value: inputs[`image${number}`], seconds: numberInput(inputs, `sleep${number}`) };
        expand[id(number)] = { class_type: 'TestSleep', inputs: widgets };
      }
      const sources = { input1: [id(1), 0], input2: [id(2), 0], input3: [id(3), 0] };
      expand[id(4)] = { class_type: 'TestVariadicAverage', inputs: sources };
      return { expand, outputs: [[id(4), 0]] };
    },
  },

  TestVariadicAverage: compute((inputs) => {
    const names = Object.keys(inputs).filter((name) => name.startsWith('input'));
    const images = names.map((name) => linkedInput(inputs, name, 'IMAGE'));
    const [first] = images;
    if (first === undefined) throw new NodeExecutionError('IndexError', 'list index out of range');
    const frame = async (index: number): Promise<Buffer> =>
      mean(await Promise.all(images.map((image) => resized(image, first).frame(index))));
    return [{ ...first, frame }];
  }),

  TestSyncError: {
    execute() {
      throw new NodeExecutionError('RuntimeError', 'Intentional sync execution error for testing');
    },
  },

  TestAsyncError: {
    isAsync: true,
    async execute(inputs, context) {
      await context.pause(numberInput(inputs, 'error_after') * 1000);
      throw new NodeExecutionError('RuntimeError', 'Intentional async execution error for testing');
    },
  },

  TestExecutionBlocker: compute((inputs) => {
    if (!booleanInput(inputs, 'block')) return [anyInput(inputs, 'input')];
    return [{ type: 'BLOCKER', message: booleanInput(inputs, 'verbose') ? 'Blocked Execution' : null }];
  }),

  TestCustomIsChanged: {
    fingerprint: (inputs) => (booleanInput(inputs, 'should_change') ? Number.NaN : 'unchanged'),
    execute: (inputs) => ({ outputs: [linkedInput(inputs, 'image', 'IMAGE')] }),
  },

  TestAsyncValidation: {
    validate: {
      inputs: ['value', 'threshold'],
      check(inputs) {
        const value = Number(inputs['value']);
        const threshold = Number(inputs['threshold']);
        if (value <= threshold) return undefined;
        return `Value ${float(value)} exceeds threshold ${float(threshold)}`;
      },
    },
    execute: (inputs) => {
      const side = 512;
      const level = toByte(numberInput(inputs, 'value') / 10);
      const frame = (): Promise<Buffer> => Promise.resolve(Buffer.alloc(side * side * 3, level));
      return { outputs: [{ type: 'IMAGE', width: side, height: side, count: 1, frame }] };
    },
  },

  /** Two mixes that each wait for the other: found only when both have asked for their lazy inputs. */
  TestDynamicDependencyCycle: {
    execute(inputs, { nodeId }) {
      const mask = `${nodeId}.0.0.1`;
      const first = `${nodeId}.0.0.2`;
      const second = `${nodeId}.0.0.3`;
      const mixing = (image1: unknown, image2: unknown): { class_type: string; inputs: Record<string, unknown> } => ({
        class_type: 'TestLazyMixImages',
        inputs: { image1, image2, mask: [mask, 0] },
      });
      return {
        expand: {
          [mask]: { class_type: 'StubMask', inputs: { value: 0.5, height: 512, width: 512, batch_size: 1 } },
          [first]: mixing(inputs['input1'], [second, 0]),
          [second]: mixing([first, 0], inputs['input2']),
        },
        outputs: [[second, 0]],
      };
    },
  },

  TestLazyMixImages: {
    lazyInputs: () => ['image1', 'image2'],
    execute(inputs) {
      const first = linkedInput(inputs, 'image1', 'IMAGE');
      const second = resized(linkedInput(inputs, 'image2', 'IMAGE'), first);
      const frame = async (index: number): Promise<Buffer> =>
        mix(await first.frame(index), await second.frame(index), 0.5);
      return { outputs: [{ ...first, frame }] };
    },
  },
};

/** Ticks about ten times a second. How often depends on the time asked for alone, not on how late the timers come. */
async function sleep(seconds: number, context: NodeContext): Promise<void> {
  const start = performance.now();
  const elapsed = (): number => performance.now() - start;
  const ticks = Math.ceil((seconds * 1000) / TICK_MS);
  await context.progress(Math.min(seconds, elapsed() / 1000), seconds);
  for (let tick = 1; tick < ticks; tick += 1) {
    await context.pause(TICK_MS);
    await context.progress(Math.min(elapsed() / 1000, (seconds * tick) / ticks), seconds);
  }
  await context.pause(Math.max(0, seconds * 1000 - elapsed()));
  await context.progress(seconds, seconds);
}

/** A number as Python shows a float. */
function float(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
