import { describe, expect, it } from '@jest/globals';
import {
  fixture,
  get,
  post,
  RECORDED_CHECKPOINT,
  settledStatus,
  shapeOf,
  submit,
  templateGraph,
  type TestGraph,
  TestSocket,
  until,
  withSimulator,
} from './spec-client.js';

const shapes = await fixture<Record<string, Record<string, unknown>>>('shapes.json');
const SLOW = { stepDelayMs: 20 };

/** A job that would sample for many seconds; each seed is a graph of its own. */
async function longJob(seed: number): Promise<TestGraph> {
  const graph = await templateGraph('text-to-image');
  graph['1']!.inputs['ckpt_name'] = RECORDED_CHECKPOINT;
  Object.assign(graph['4']!.inputs, { width: 64, height: 64 });
  Object.assign(graph['5']!.inputs, { seed, steps: 2000 });
  return graph;
}

const quick = (color: number): TestGraph => ({
  '1': { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color } },
  '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'q' } },
});

const isSampling = (socket: TestSocket) => (): boolean => socket.ofType('progress').length > 0;

describe('an interrupt', () => {
  it('ends sampling within a step, as an error in history and as cancelled among the jobs', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const id = await submit(simulator, await longJob(1), 'me');
      await socket.until(isSampling(socket));
      const asked = performance.now();
      const answer = await post(simulator, '/interrupt', { prompt_id: id });
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '' });
      await socket.settled(id);
      expect(performance.now() - asked).toBeLessThan(1000);
      const interrupted = socket.ofType('execution_interrupted')[0]!.data;
      expect(Object.keys(interrupted).sort()).toEqual(Object.keys(shapes['execution_interrupted']!).sort());
      expect(interrupted).toMatchObject({ node_id: '5', node_type: 'KSampler', prompt_id: id });
      const entry = (await get<Record<string, { status: object }>>(simulator, `/history/${id}`))[id]!;
      expect(entry.status).toMatchObject({ status_str: 'error', completed: false });
      const job = await get(simulator, `/api/jobs/${id}`);
      expect(Object.keys(job).sort()).toEqual(Object.keys(shapes['job cancelled']!).sort());
      expect(job['status']).toBe('cancelled');
    }, SLOW);
  });

  it('with the id of another prompt is ignored, and an idle one leaves the next prompt alone', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      await post(simulator, '/interrupt');
      const id = await submit(simulator, await longJob(1), 'me');
      await socket.until(isSampling(socket));
      await post(simulator, '/interrupt', { prompt_id: '00000000-0000-4000-8000-000000000000' });
      const heard = socket.messages.length;
      await socket.until(() => socket.messages.slice(heard).some(({ type }) => type === 'progress'));
      expect(socket.ofType('execution_interrupted')).toEqual([]);
      await post(simulator, '/interrupt');
      await socket.settled(id);
    }, SLOW);
  });

  it('stops whatever runs on old servers, whose interrupt reads no id', async () => {
    const other = { prompt_id: '00000000-0000-4000-8000-000000000000' };
    const stall = { kind: 'stall-worker', at: 'start', ms: 300 } as const;
    for (const interruptIgnoresIds of [false, true]) {
      await withSimulator(
        async (simulator) => {
          const id = await submit(simulator, quick(1));
          await until(() => Promise.resolve(simulator.counters.faultsStruck['stall-worker'] === 1));
          await post(simulator, '/interrupt', other);
          expect(await settledStatus(simulator, id)).toBe(interruptIgnoresIds ? 'cancelled' : 'completed');
        },
        { faults: { interruptIgnoresIds, atPrompt: [stall] } },
      );
    }
  });
});

describe('cancelling a job', () => {
  it('stops a running one, removes a pending one without a trace, and says when there was nothing to do', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const running = await submit(simulator, await longJob(1), 'me');
      const pending = await submit(simulator, quick(1), 'me');
      await socket.until(isSampling(socket));
      for (const [id, shape] of [
        [running, 'job in_progress'],
        [pending, 'job pending'],
      ] as const) {
        expect(shapeOf(await get(simulator, `/api/jobs/${id}`))).toEqual(shapeOf(shapes[shape]));
      }
      const cancel = async (id: string): Promise<unknown> => (await post(simulator, `/api/jobs/${id}/cancel`)).json();
      expect(await cancel(pending)).toEqual({ cancelled: true });
      expect(await cancel(pending)).toEqual({ cancelled: false });
      expect(await get(simulator, `/history/${pending}`)).toEqual({});
      expect(await get(simulator, `/api/jobs/${pending}`)).toEqual({ error: 'Job not found' });
      expect(await cancel(running)).toEqual({ cancelled: true });
      await socket.settled(running);
      expect(await cancel(running)).toEqual({ cancelled: false });
    }, SLOW);
  });

  it('by list wants a list of ids', async () => {
    await withSimulator(async (simulator) => {
      const cancel = (body: unknown) => post(simulator, '/api/jobs/cancel', body);
      expect((await cancel({})).json()).toEqual({ error: 'job_ids must be a list' });
      const invalid = await cancel({ job_ids: ['x'] });
      expect(invalid.status).toBe(400);
      expect(invalid.json()).toEqual({ error: 'job_ids contains invalid id(s)', invalid_ids: ['x'] });
      const unknown = await cancel({ job_ids: ['00000000-0000-4000-8000-000000000000'] });
      expect(unknown.json()).toEqual({ cancelled: false });
    });
  });
});

describe('the queue', () => {
  it('runs by number, whatever the order of posting, and shows its size in every status', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const blocker = await submit(simulator, await longJob(1), 'me');
      await socket.until(isSampling(socket));
      const late = await submit(simulator, quick(1), 'me', { number: 50 });
      const plain = await submit(simulator, quick(2), 'me');
      const front = await submit(simulator, quick(3), 'me', { front: true });
      expect(await get(simulator, '/prompt')).toEqual({ exec_info: { queue_remaining: 4 } });
      await post(simulator, `/api/jobs/${blocker}/cancel`);
      await socket.settled(late);
      const order = socket.ofType('execution_start').map(({ data }) => data['prompt_id']);
      expect(order).toEqual([blocker, front, plain, late]);
      expect(Object.keys(await get(simulator, '/history'))).toEqual([blocker, front, plain, late]);
    }, SLOW);
  });

  it('drops pending prompts by id or altogether, never the running one, always with an empty 200', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const running = await submit(simulator, await longJob(1), 'me');
      await socket.until(isSampling(socket));
      const first = await submit(simulator, quick(1));
      const second = await submit(simulator, quick(2));
      const pending = async (): Promise<unknown[]> =>
        (await get<{ queue_pending: unknown[][] }>(simulator, '/queue')).queue_pending.map((item) => item[1]);
      for (const body of [{ delete: [first, running, 'nope'] }, { clear: false }, { delete: 'abc' }, {}]) {
        const answer = await post(simulator, '/queue', body);
        expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '' });
      }
      expect(await pending()).toEqual([second]);
      await post(simulator, '/queue', { clear: true });
      expect(await pending()).toEqual([]);
      expect((await get<{ queue_running: unknown[] }>(simulator, '/queue')).queue_running).toHaveLength(1);
      for (const bad of [undefined, { delete: null }]) expect((await post(simulator, '/queue', bad)).status).toBe(500);
    }, SLOW);
  });
});

describe('history and cache', () => {
  it('forget what they are told to forget', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const run = async (): Promise<string> => {
        const id = await submit(simulator, quick(1), 'me');
        await socket.settled(id);
        return id;
      };
      const id = await run();
      await run();
      expect(simulator.counters.nodesExecuted).toBe(2);
      await post(simulator, '/history', { delete: [id] });
      expect(await get(simulator, `/history/${id}`)).toEqual({});
      await post(simulator, '/free', { unload_models: true, free_memory: true });
      await run();
      expect(simulator.counters.nodesExecuted).toBe(4);
      await post(simulator, '/history', { clear: true });
      expect(await get(simulator, '/api/jobs')).toEqual({
        jobs: [],
        pagination: { offset: 0, limit: null, total: 0, has_more: false },
      });
    });
  });

  it('list jobs newest first, by status and in pages', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const ids: string[] = [];
      for (const color of [1, 2, 3]) {
        ids.push(await submit(simulator, quick(color), 'me'));
        await socket.settled(ids.at(-1)!);
      }
      const list = async (query: string): Promise<{ jobs: { id: string }[]; pagination: object }> =>
        get(simulator, `/api/jobs${query}`);
      const { jobs, pagination } = await list('?limit=2&status=completed,failed');
      expect(jobs.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
      expect(pagination).toEqual({ offset: 0, limit: 2, total: 3, has_more: true });
      expect((await list('?sort_order=asc&offset=1')).jobs.map(({ id }) => id)).toEqual([ids[1], ids[2]]);
      expect((await list('?status=pending')).jobs).toEqual([]);
      expect(await list('?status=bogus')).toEqual({
        error: 'Invalid status value(s): bogus. Valid values: pending, in_progress, completed, failed, cancelled',
      });
      expect(await list('?limit=0')).toEqual({ error: 'limit must be a positive integer' });
    });
  });
});
