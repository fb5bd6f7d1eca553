import { describe, expect, it } from '@jest/globals';
import { FAULT_MOMENTS, type FaultMoment, type PromptFaultKind } from './prompt-fault.js';
import type { Simulator } from './simulator.js';
import {
  quick,
  RECORDED_CHECKPOINT,
  request,
  settledStatus,
  submit,
  templateGraph,
  TestSocket,
  until,
  withSimulator,
} from './spec-client.js';

/** What becomes of a prompt, as HTTP tells it, and what its client hears last. */
const EFFECTS: Readonly<Record<PromptFaultKind, Readonly<Record<FaultMoment, string>>>> = {
  'drop-sockets': { start: 'completed', middle: 'completed', end: 'completed' },
  'lose-events': { start: 'completed', middle: 'completed', end: 'completed' },
  'node-exception': { start: 'failed 1', middle: 'failed 2', end: 'failed 2' },
  'out-of-memory': { start: 'failed 1', middle: 'failed 2', end: 'failed 2' },
  'gpu-fault': { start: 'failed 1', middle: 'failed 2', end: 'failed 2' },
  // After the last tick nobody asks any more whether to stop.
  interrupt: { start: 'cancelled', middle: 'cancelled', end: 'completed' },
  'worker-death': { start: 'in_progress', middle: 'in_progress', end: 'in_progress' },
  'stall-worker': { start: 'completed', middle: 'completed', end: 'completed' },
  'stall-http': { start: 'completed', middle: 'completed', end: 'completed' },
  'refuse-connections': { start: 'completed', middle: 'completed', end: 'completed' },
  restart: { start: 'unknown', middle: 'unknown', end: 'unknown' },
};

const cells = Object.entries(EFFECTS).flatMap(([kind, effects]) =>
  FAULT_MOMENTS.map((at) => ({ kind: kind as PromptFaultKind, at, effect: effects[at] })),
);

async function verdict(simulator: Simulator, id: string): Promise<string> {
  const answer = await request(simulator, `/api/jobs/${id}`).catch(() => undefined);
  if (answer === undefined) return 'unreachable';
  const job = answer.json<{ status?: string; execution_error?: { node_id: string } }>();
  if (answer.status === 404) return 'unknown';
  return job.execution_error === undefined ? String(job.status) : `${job.status} ${job.execution_error.node_id}`;
}

describe('a fault of a prompt', () => {
  it.each(cells)('$kind at $at: $effect', async ({ kind, at, effect }) => {
    await withSimulator(
      async (simulator) => {
        using socket = await TestSocket.open(simulator, 'me');
        const id = await submit(simulator, quick(1), 'me');
        await until(async () => simulator.counters.faultsStruck[kind] === 1);
        if (effect !== 'in_progress') {
          await until(async () => !['pending', 'in_progress', 'unreachable'].includes(await verdict(simulator, id)));
        }
        expect(await verdict(simulator, id)).toBe(effect);
        expect(simulator.faults.atPrompt).toEqual([]);
        if (kind === 'restart' || kind === 'drop-sockets') {
          await socket.closed();
          expect(socket.closeCode).toBe(1006);
          expect(socket.ofType('execution_success')).toEqual([]);
        } else if (effect !== 'in_progress' && kind !== 'lose-events') {
          await socket.settled(id);
        }
        const heard = socket.messages.map(({ type }) => type);
        expect(heard.includes('execution_start')).toBe(true);
        // The next prompt is not struck, unless nothing can run any more.
        if (effect === 'in_progress' || kind === 'gpu-fault') return;
        expect(await settledStatus(simulator, await submit(simulator, quick(2)))).toBe('completed');
      },
      { faults: { atPrompt: [{ kind, at, ms: 20 }] } },
    );
  });

  it('strikes as many prompts as it is told to', async () => {
    await withSimulator(
      async (simulator) => {
        const verdicts: unknown[] = [];
        for (const color of [1, 2, 3]) {
          verdicts.push(await settledStatus(simulator, await submit(simulator, quick(color))));
        }
        expect(verdicts).toEqual(['failed', 'failed', 'completed']);
      },
      { faults: { atPrompt: [{ kind: 'out-of-memory', at: 'middle', times: 2 }] } },
    );
  });

  it('strikes a wholly cached prompt after its nodes', async () => {
    await withSimulator(async (simulator) => {
      await settledStatus(simulator, await submit(simulator, quick(1)));
      simulator.faults.atPrompt = [{ kind: 'node-exception', at: 'start', message: 'late' }];
      const id = await submit(simulator, quick(1));
      expect(await settledStatus(simulator, id)).toBe('failed');
    });
  });

  it('at the middle comes while a progress bar is half done', async () => {
    await withSimulator(
      async (simulator) => {
        using socket = await TestSocket.open(simulator, 'me');
        const graph = await templateGraph('text-to-image');
        graph['1']!.inputs['ckpt_name'] = RECORDED_CHECKPOINT;
        Object.assign(graph['4']!.inputs, { width: 64, height: 64 });
        Object.assign(graph['5']!.inputs, { steps: 10 });
        const id = await submit(simulator, graph, 'me');
        await socket.settled(id);
        const error = socket.ofType('execution_error')[0]!.data;
        expect(error).toMatchObject({ node_id: '5', exception_type: 'builtins.MemoryError' });
        const values = socket.ofType('progress').map(({ data }) => Number(data['value']));
        expect(Math.max(...values)).toBeLessThanOrEqual(5);
      },
      { faults: { atPrompt: [{ kind: 'node-exception', at: 'middle', exception_type: 'builtins.MemoryError' }] } },
    );
  });
});
