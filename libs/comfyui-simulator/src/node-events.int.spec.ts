import { describe, expect, it } from '@jest/globals';
import type { Simulator } from './simulator.js';
import { fixture, get, type Message, post, submit, type TestGraph, TestSocket, withSimulator } from './spec-client.js';

interface RecordedRun {
  readonly name: string;
  readonly graph: TestGraph;
  readonly messages: Message[];
  readonly history: unknown;
}
const recorded = await fixture<RecordedRun[]>('node-runs.json');

function recordedRun(name: string): RecordedRun {
  const run = recorded.find((candidate) => candidate.name.startsWith(name));
  if (run === undefined) throw new Error(`no recording of ${name}`);
  return run;
}

/** What differs from run to run made equal: times, tensors, stack traces, and the order of Python's sets. */
function comparable(messages: readonly Message[], promptId = '<prompt>'): unknown {
  const text = JSON.stringify(messages).replaceAll(promptId, '<prompt>');
  return (JSON.parse(text) as Message[]).map(({ type, data }) => {
    const change: Record<string, unknown> = {};
    if ('timestamp' in data) change['timestamp'] = '<time>';
    for (const key of ['traceback', 'executed', 'current_outputs']) {
      const list = data[key];
      if (Array.isArray(list)) change[key] = key === 'traceback' ? list.slice(0, 0) : [...(list as string[])].sort();
    }
    const inputs = data['current_inputs'];
    if (typeof inputs === 'object' && inputs !== null) change['current_inputs'] = Object.keys(inputs);
    return { type, data: { ...data, ...change } };
  });
}

async function observe(
  simulator: Simulator,
  socket: TestSocket,
  { graph }: Pick<RecordedRun, 'graph'>,
): Promise<{ id: string; messages: Message[]; binary: Buffer[] }> {
  const before = [socket.messages.length, socket.binary.length] as const;
  const id = await submit(simulator, graph, 'me');
  await socket.settled(id);
  return { id, messages: socket.messages.slice(before[0]), binary: socket.binary.slice(before[1]) };
}

/** Binary frames by their event alone: the recording says more of them than the client does. */
function withBareFrames(messages: readonly Message[]): Message[] {
  return messages.map(({ type, data }) => ({ type, data: type === 'binary' ? { event: data['event'] } : data }));
}

async function history(simulator: Simulator, id: string): Promise<unknown> {
  const entries = await get<Record<string, { outputs: unknown; status: Record<string, unknown>; meta: unknown }>>(
    simulator,
    `/history/${id}`,
  );
  const { outputs, status, meta } = entries[id]!;
  const messages = (status['messages'] as [string, unknown][]).map(([event]) => event);
  return { outputs, status_str: status['status_str'], completed: status['completed'], messages, meta };
}

/** Which node runs and which has finished, without the ticks in between. */
function turns(messages: readonly Message[]): string[] {
  const known = new Map<string, string>();
  return messages.flatMap(({ type, data }) => {
    if (type === 'executing') return [`executing ${String(data['node'])} shown as ${String(data['display_node'])}`];
    if (type !== 'progress_state') return type === 'progress' || type === 'status' ? [] : [type];
    const changes: string[] = [];
    for (const [id, node] of Object.entries(data['nodes'] as Record<string, Record<string, unknown>>)) {
      const place = `${String(node['display_node_id'])} ${String(node['parent_node_id'])} ${String(node['real_node_id'])}`;
      const state = `${String(node['state'])} ${id} at ${place}`;
      if (known.get(id) !== state) changes.push(state);
      known.set(id, state);
    }
    return changes;
  });
}

/** The same without what is told of a cached output. */
function ofNode2(messages: readonly Message[], promptId?: string): unknown {
  return comparable(
    messages.filter(({ type, data }) => type !== 'executed' && type !== 'progress_state' && data['node'] !== '5'),
    promptId,
  );
}

describe('the events of nodes that do more than return', () => {
  it('are as recorded for errors and blockers, one after the other with what the cache kept', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      for (const name of ['node 2 raises', 'same failing', 'async node', 'ExecutionBlocker with', 'silent Exec']) {
        const run = recordedRun(name);
        const { id, messages } = await observe(simulator, socket, run);
        // Whether the cached output or the asynchronous node comes first is an accident of Python's sets.
        const compared = name.startsWith('async') ? ofNode2 : comparable;
        expect({ name, messages: compared(messages, id) }).toEqual({ name, messages: compared(run.messages) });
        if (name.includes('Exec')) expect(await history(simulator, id)).toEqual(run.history);
      }
    });
  });

  it('are as recorded for a cycle that shows at run time, and status_str lies', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const run = recordedRun('dynamic dependency cycle');
      const { id, messages } = await observe(simulator, socket, run);
      expect(comparable(messages, id)).toEqual(comparable(run.messages));
      expect(await history(simulator, id)).toEqual(run.history);
      expect((await get(simulator, `/api/jobs/${id}`))['status']).toBe('completed');
    });
  });

  it('show the nodes that run in place of another, several at once', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const run = recordedRun('node expansion');
      const { id, messages } = await observe(simulator, socket, run);
      expect(turns(messages)).toEqual(turns(run.messages));
      expect(await history(simulator, id)).toEqual(run.history);
      expect(simulator.counters.nodesByClass).toEqual({
        EmptyImage: 1,
        TestParallelSleep: 1,
        TestSleep: 3,
        TestVariadicAverage: 1,
        SaveImage: 1,
      });
    });
  });

  it('carry text and lossless pictures in binary frames', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      // The recording had this picture in its cache.
      await observe(simulator, socket, recordedRun('node expansion'));
      for (const name of ['GetImageSize', 'SaveImageWebsocket: outputs', 'SaveImageWebsocket again']) {
        const run = recordedRun(name);
        const { id, messages, binary } = await observe(simulator, socket, run);
        const expected = comparable(withBareFrames(run.messages));
        expect({ name, messages: comparable(messages, id) }).toEqual({ name, messages: expected });
        if (name !== 'GetImageSize') {
          expect(binary.map((frame) => frame.subarray(4, 12).toString('hex'))).toEqual(
            Array.from({ length: 2 }, () => '0000000289504e47'),
          );
          continue;
        }
        const text = run.messages.find(({ type }) => type === 'binary')!.data['text'];
        expect(binary[0]!.toString('utf8', 4)).toBe(`\u0000\u0000\u0000\u00012${String(text)}`);
      }
    });
  });

  it('carry lossless pictures with their node for a client that asked for metadata', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      socket.socket.send(JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } }));
      await socket.until(() => socket.ofType('feature_flags').length === 1);
      const run = recordedRun('SaveImageWebsocket to a client');
      const { id, messages, binary } = await observe(simulator, socket, run);
      expect(comparable(messages, id)).toEqual(comparable(withBareFrames(run.messages)));
      const metadata: unknown = JSON.parse(binary[0]!.toString('utf8', 8, 8 + binary[0]!.readUInt32BE(4)));
      const frames = run.messages.filter(({ type }) => type === 'binary');
      expect(metadata).toEqual({ ...(frames[0]!.data['metadata'] as object), prompt_id: id });
    });
  });

  it('are those of a new run behind a node that says it has changed, and only behind it', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      for (const name of ['IS_CHANGED NaN 1st', 'IS_CHANGED NaN 2nd']) {
        const run = recordedRun(name);
        const { id, messages } = await observe(simulator, socket, run);
        expect({ name, messages: comparable(messages, id) }).toEqual({ name, messages: comparable(run.messages) });
      }
      const same = structuredClone(recordedRun('IS_CHANGED NaN 1st'));
      same.graph['2']!.inputs['should_change'] = false;
      await observe(simulator, socket, same);
      const { messages } = await observe(simulator, socket, same);
      expect(messages.filter(({ type, data }) => type === 'executing' && data['node'] !== null)).toEqual([]);
    });
  });

  it('end within a tick when a sleeping node is interrupted', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const graph = structuredClone(recordedRun('node expansion').graph);
      Object.assign(graph['2']!.inputs, { sleep1: 9, sleep2: 9, sleep3: 9 });
      const id = await submit(simulator, graph, 'me');
      await socket.until(() => socket.ofType('progress').length >= 3);
      await post(simulator, '/interrupt', { prompt_id: id });
      await socket.settled(id);
      expect(socket.ofType('execution_interrupted')[0]!.data).toMatchObject({
        node_id: '2',
        node_type: 'TestParallelSleep',
      });
    });
  });

  it('tell nothing of a node that still sleeps when another one has ended the prompt', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const graph = {
        '1': { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 1, color: 1 } },
        '2': { class_type: 'TestSleep', inputs: { value: ['1', 0], seconds: 9 } },
        '3': { class_type: 'TestAsyncError', inputs: { value: ['1', 0], error_after: 0.15 } },
        '4': { class_type: 'PreviewImage', inputs: { images: ['2', 0] } },
        '5': { class_type: 'PreviewImage', inputs: { images: ['3', 0] } },
      };
      const { id, messages } = await observe(simulator, socket, { graph });
      expect(messages.filter(({ type }) => type === 'execution_error')).toHaveLength(1);
      const told = socket.messages.length;
      // The sleeper would have ticked several times before this one is through.
      await observe(simulator, socket, recordedRun('node expansion'));
      expect(socket.messages.slice(told).filter(({ data }) => data['prompt_id'] === id)).toEqual([]);
    });
  });
});

describe('a check of its own that a node makes before it runs', () => {
  it('is written against each input it looks at', async () => {
    await withSimulator(async (simulator) => {
      const graph = {
        '1': { class_type: 'TestAsyncValidation', inputs: { value: 9, threshold: 5 } },
        '2': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
      };
      const answer = await post(simulator, '/prompt', { prompt: graph });
      expect(answer.status).toBe(400);
      const reason = 'Value 9.0 exceeds threshold 5.0';
      const error = { type: 'custom_validation_failed', message: 'Custom validation failed for node' };
      expect(answer.json<{ node_errors: Record<string, unknown> }>().node_errors['1']).toEqual({
        errors: ['value', 'threshold'].map((name) => ({
          ...error,
          details: `${name} - ${reason}`,
          extra_info: { input_name: name },
        })),
        dependent_outputs: ['2'],
        class_type: 'TestAsyncValidation',
      });
    });
  });

  it('refuses a picture or clip that is not there, and takes one as soon as it is', async () => {
    await withSimulator(async (simulator) => {
      const load = (image: string): unknown => ({
        '1': { class_type: 'LoadImage', inputs: { image } },
        '2': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
      });
      const answer = await post(simulator, '/prompt', { prompt: load('new.png') });
      expect(answer.json()).toMatchObject({
        node_errors: {
          '1': { errors: [{ type: 'custom_validation_failed', details: 'image - Invalid image file: new.png' }] },
        },
      });
      const outside = await post(simulator, '/prompt', { prompt: load('../output/x.png') });
      expect(outside.status).toBe(400);
      const clip = {
        '1': {
          class_type: 'VHS_LoadVideoPath',
          inputs: {
            video: 'input/none.mp4',
            force_rate: 0,
            custom_width: 0,
            custom_height: 0,
            frame_load_cap: 0,
            skip_first_frames: 0,
            select_every_nth: 1,
          },
        },
        '2': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
      };
      expect((await post(simulator, '/prompt', { prompt: clip })).json()).toMatchObject({
        node_errors: { '1': { errors: [{ details: 'video - Invalid file path: input/none.mp4' }] } },
      });
    });
  });
});
