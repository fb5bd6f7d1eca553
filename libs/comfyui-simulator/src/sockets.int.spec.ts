import { describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import {
  get,
  post,
  RECORDED_CHECKPOINT,
  request,
  submit,
  templateGraph,
  type TestGraph,
  TestSocket,
  withSimulator,
} from './spec-client.js';

const quick = (color: number): TestGraph => ({
  '1': { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color } },
  '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'q' } },
});

async function sampling(steps: number): Promise<TestGraph> {
  const graph = await templateGraph('text-to-image');
  graph['1']!.inputs['ckpt_name'] = RECORDED_CHECKPOINT;
  Object.assign(graph['4']!.inputs, { width: 64, height: 64 });
  Object.assign(graph['5']!.inputs, { steps });
  return graph;
}

describe('a websocket', () => {
  it('is greeted with the size of the queue and its own id, or one made up for it', async () => {
    await withSimulator(async (simulator) => {
      using named = await TestSocket.open(simulator, 'me');
      const status = { exec_info: { queue_remaining: 0 } };
      expect(named.messages).toEqual([{ type: 'status', data: { status, sid: 'me' } }]);
      using unnamed = await TestSocket.open(simulator, '');
      expect(unnamed.messages[0]!.data['sid']).toMatch(/^[0-9a-f]{32}$/);
    });
  });

  it('hears only status about the prompts of others', async () => {
    await withSimulator(async (simulator) => {
      using mine = await TestSocket.open(simulator, 'me');
      using other = await TestSocket.open(simulator, 'other');
      await mine.settled(await submit(simulator, quick(1), 'me'));
      expect(new Set(other.messages.map(({ type }) => type))).toEqual(new Set(['status']));
    });
  });

  it('that comes back in mid-job is told the node alone and then hears the rest', async () => {
    await withSimulator(
      async (simulator) => {
        const first = await TestSocket.open(simulator, 'me');
        const id = await submit(simulator, await sampling(60), 'me');
        await first.until(() => first.ofType('progress').length > 0);
        first.socket.close();
        await first.closed();
        using second = await TestSocket.open(simulator, 'me');
        await second.settled(id);
        expect(second.messages[1]).toEqual({ type: 'executing', data: { node: '5' } });
        expect(second.ofType('execution_start')).toEqual([]);
        expect(second.ofType('execution_success')).toHaveLength(1);
      },
      { stepDelayMs: 20 },
    );
  });

  it('takes its id over silently, and is orphaned when the older one with that id closes', async () => {
    await withSimulator(async (simulator) => {
      const older = await TestSocket.open(simulator, 'me');
      using newer = await TestSocket.open(simulator, 'me');
      await newer.settled(await submit(simulator, quick(1), 'me'));
      expect(older.messages).toHaveLength(1);
      older.socket.close();
      await older.closed();
      const heard = newer.messages.length;
      newer.socket.send(JSON.stringify({ type: 'feature_flags', data: {} }));
      using witness = await TestSocket.open(simulator, 'witness');
      const id = await submit(simulator, quick(2), 'me');
      await witness.until(() => witness.ofType('status').length >= 4);
      expect(await get(simulator, `/api/jobs/${id}`)).toMatchObject({ status: 'completed' });
      expect(newer.messages).toHaveLength(heard);
      expect(newer.closeCode).toBeUndefined();
    });
  });

  it('may state feature flags once, in its first message', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      socket.socket.send('no json');
      socket.socket.send(JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } }));
      await socket.settled(await submit(simulator, quick(1), 'me'));
      expect(socket.ofType('feature_flags')).toEqual([]);
    });
  });

  it('is refused to browsers of another origin, as plain requests are', async () => {
    await withSimulator(async (simulator) => {
      const socket = new WebSocket(`${simulator.url.replace('http', 'ws')}/ws`, { origin: 'http://127.0.0.1:1' });
      const refused = await new Promise<string>((resolve) => socket.once('error', ({ message }) => resolve(message)));
      expect(refused).toContain('403');
      const answer = await request(simulator, '/queue', { headers: { origin: 'http://127.0.0.1:1' } });
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 403, text: '' });
      expect((await request(simulator, '/queue', { headers: { origin: simulator.url } })).status).toBe(200);
    });
  });
});

describe('a fault switch', () => {
  it('drops the sockets in mid-sampling while the job goes on to its end', async () => {
    await withSimulator(
      async (simulator) => {
        const socket = await TestSocket.open(simulator, 'me');
        const id = await submit(simulator, await sampling(10), 'me');
        await socket.closed();
        expect(socket.closeCode).toBe(1006);
        expect(socket.ofType('execution_success')).toEqual([]);
        const status = async (): Promise<unknown> => (await get(simulator, `/api/jobs/${id}`))['status'];
        while ((await status()) === 'in_progress');
        expect(await status()).toBe('completed');
      },
      { faults: { dropSocketAtPercent: 50 } },
    );
  });

  it('refuses new prompts with the plain-text 500 and queues nothing, until it is turned back', async () => {
    await withSimulator(async (simulator) => {
      await post(simulator, '/simulator/faults', { refuseNewPrompts500: true });
      const answer = await post(simulator, '/prompt', { prompt: quick(1) });
      expect(answer).toMatchObject({ status: 500, text: '500 Internal Server Error\n\nServer got itself in trouble' });
      simulator.faults.refuseNewPrompts500 = false;
      expect((await post(simulator, '/prompt', { prompt: quick(1) })).status).toBe(200);
      expect(await get(simulator, '/simulator/counters')).toMatchObject({ promptsPosted: 2, promptsAccepted: 1 });
    });
  });

  it('turns the worker into one that answers and never runs', async () => {
    await withSimulator(
      async (simulator) => {
        using socket = await TestSocket.open(simulator, 'me');
        const id = await submit(simulator, quick(1), 'me');
        const queue = await get<{ queue_running: unknown[]; queue_pending: unknown[] }>(simulator, '/queue');
        expect(queue).toMatchObject({ queue_running: [], queue_pending: [expect.anything()] });
        await post(simulator, '/simulator/faults', { zombieWorker: false });
        await socket.settled(id);
        expect(simulator.counters.promptsExecuted).toEqual({ [id]: 1 });
      },
      { faults: { zombieWorker: true } },
    );
  });

  it('adds latency to every answer', async () => {
    await withSimulator(
      async (simulator) => {
        const asked = performance.now();
        await get(simulator, '/queue');
        expect(performance.now() - asked).toBeGreaterThan(140);
      },
      { faults: { latencyMs: 150 } },
    );
  });

  it('is refused when it is unknown or of the wrong type', async () => {
    await withSimulator(async (simulator) => {
      for (const body of [{ nope: 1 }, { latencyMs: 'x' }, { failNode: { class_type: 'A' } }, []]) {
        expect((await post(simulator, '/simulator/faults', body)).status).toBe(400);
      }
    });
  });
});
