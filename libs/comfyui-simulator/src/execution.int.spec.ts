import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { readPngText } from './png-text.js';
import {
  fixture,
  get,
  type Message,
  post,
  RECORDED_CHECKPOINT,
  request,
  shapeOf,
  submit,
  templateGraph,
  type TestGraph,
  TestSocket,
  withSimulator,
} from './spec-client.js';

interface RecordedRun {
  readonly name: string;
  readonly graph: TestGraph;
  readonly extra_data: Record<string, unknown>;
  readonly messages: Message[];
  readonly history?: unknown;
}
const runs = await fixture<{
  sampling: RecordedRun;
  'metadata previews': RecordedRun;
  anonymous: RecordedRun;
  caching: RecordedRun[];
}>('runs.json');
const shapes = await fixture<Record<string, Record<string, unknown>>>('shapes.json');

/** Messages with what differs from run to run made equal. */
function comparable(messages: readonly Message[], promptId: string): unknown {
  const text = JSON.stringify(messages).replaceAll(promptId, '<prompt>');
  return JSON.parse(text.replaceAll(/"timestamp":\d+/g, '"timestamp":"<time>"'));
}

/** The messages of one run, after the greeting. */
async function observe(
  simulator: Parameters<Parameters<typeof withSimulator>[0]>[0],
  socket: TestSocket,
  run: RecordedRun,
  extraData: Record<string, unknown> = {},
): Promise<{ id: string; messages: Message[] }> {
  const before = socket.messages.length;
  const id = await submit(simulator, run.graph, 'me', { extra_data: { ...run.extra_data, ...extraData } });
  await socket.settled(id);
  return { id, messages: socket.messages.slice(before) };
}

describe('the events of a prompt', () => {
  it('come in the recorded order with the recorded content when it samples with previews', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const { id, messages } = await observe(simulator, socket, runs.sampling, { preview_method: 'latent2rgb' });
      expect(comparable(messages, id)).toEqual(runs.sampling.messages);
    });
  });

  it('carry previews of type 4 for a client that asked for metadata first', async () => {
    await withSimulator(
      async (simulator) => {
        using socket = await TestSocket.open(simulator, 'me');
        socket.socket.send(JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } }));
        await socket.until(() => socket.ofType('feature_flags').length === 1);
        const { id, messages } = await observe(simulator, socket, runs['metadata previews']);
        expect(comparable(messages, id)).toEqual(runs['metadata previews'].messages);
        const frame = socket.binary[0]!;
        const length = frame.readUInt32BE(4);
        const metadata: unknown = JSON.parse(frame.subarray(8, 8 + length).toString('utf8'));
        expect(metadata).toMatchObject({ node_id: '3', prompt_id: id, image_type: 'image/jpeg' });
        expect(await sharp(frame.subarray(8 + length)).metadata()).toMatchObject({ format: 'jpeg', width: 512 });
      },
      { previewMethod: 'latent2rgb' },
    );
  });

  it('are only the first and last progress tick when sampling is faster than the throttle', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const { messages } = await observe(simulator, socket, runs.sampling);
      const ticks = messages.filter(({ type }) => type === 'progress').map(({ data }) => data['value']);
      expect(ticks).toEqual([1, 4]);
      expect(messages.some(({ type }) => type === 'binary')).toBe(false);
    });
  });

  it('go to everybody as progress_state alone when the prompt has no client', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'bystander');
      const id = await submit(simulator, runs.anonymous.graph);
      await socket.until(() => socket.messages.length > runs.anonymous.messages.length);
      expect(comparable(socket.messages.slice(1), id)).toEqual(runs.anonymous.messages);
    });
  });

  it('repeat the old output and create no file when everything is cached', async () => {
    await withSimulator(async (simulator, dataDir) => {
      using socket = await TestSocket.open(simulator, 'me');
      for (const run of runs.caching) {
        // It was deleted at this point of the recording, too: the cache does not look, the counter starts again.
        if (run.name === 'same graph, other node ids') await rm(join(dataDir, 'output', 'ca_00001_.png'));
        const { id, messages } = await observe(simulator, socket, run);
        expect({ run: run.name, messages: comparable(messages, id) }).toEqual({
          run: run.name,
          messages: run.messages,
        });
      }
      expect(simulator.counters.nodesExecuted).toBe(2 + 2 + 2 + 1);
    });
  });

  it('leave a history entry of the recorded shape, there before executing:null', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const { id } = await observe(simulator, socket, runs.sampling);
      const history = await get(simulator, `/history/${id}`);
      expect(shapeOf(history[id])).toEqual(shapeOf(runs.sampling.history));
      expect(await get(simulator, '/history?max_items=1')).toEqual(history);
      expect(await get(simulator, '/history?max_items=0')).toEqual({});
    });
  });

  it('show the success before history knows the job', async () => {
    await withSimulator(
      async (simulator) => {
        using socket = await TestSocket.open(simulator, 'me');
        const id = await submit(simulator, runs.sampling.graph, 'me');
        await socket.until(() => socket.ofType('execution_success').length === 1);
        expect(await get(simulator, `/history/${id}`)).toEqual({});
        await socket.settled(id);
        expect(Object.keys(await get(simulator, `/history/${id}`))).toEqual([id]);
      },
      { faults: { historyDelayMs: 300 } },
    );
  });
});

describe('the files of a prompt', () => {
  const start = async (simulator: Parameters<typeof submit>[0], graph: TestGraph): Promise<Buffer[]> => {
    graph['1']!.inputs['ckpt_name'] = RECORDED_CHECKPOINT;
    using socket = await TestSocket.open(simulator, 'me');
    const id = await submit(simulator, graph, 'me', {
      extra_data: { extra_pnginfo: { workflow: { id: 'w☃' }, n: 5 } },
    });
    await socket.settled(id);
    const { outputs } = await get<{ outputs: Record<string, { images: Record<string, string>[] }> }>(
      simulator,
      `/api/jobs/${id}`,
    );
    const files: Buffer[] = [];
    for (const image of outputs['7']!.images) {
      const response = await fetch(`${simulator.url}/view?${String(new URLSearchParams(image))}`);
      expect(response.status).toBe(200);
      files.push(Buffer.from(await response.arrayBuffer()));
    }
    return files;
  };

  it('are one PNG with graph and workflow for the text-to-image template, and the same bytes on another server', async () => {
    const graph = await templateGraph('text-to-image');
    const files: Buffer[] = [];
    for (let server = 0; server < 2; server += 1) {
      await withSimulator(async (simulator) => {
        files.push(...(await start(simulator, graph)));
      });
    }
    const [first, second] = files;
    expect(first!.equals(second!)).toBe(true);
    expect(await sharp(first).metadata()).toMatchObject({ format: 'png', width: 512, height: 512, channels: 3 });
    const texts = readPngText(first!);
    expect(JSON.parse(texts['prompt']!)).toEqual(graph);
    expect(texts).toMatchObject({
      workflow: '{"id": "w\\u2603"}',
      n: '5',
      Software: expect.stringContaining('simulator'),
    });
  });

  it('are as many PNGs as the batch is large', async () => {
    const graph = await templateGraph('text-to-image');
    Object.assign(graph['4']!.inputs, { batch_size: 3, width: 64, height: 64 });
    await withSimulator(async (simulator) => {
      expect(await start(simulator, graph)).toHaveLength(3);
    });
  });

  it('are one animated WebP with the graph in its EXIF data for the text-to-animation template', async () => {
    const graph = await templateGraph('text-to-animation');
    Object.assign(graph['4']!.inputs, { batch_size: 5, width: 128, height: 192 });
    Object.assign(graph['7']!.inputs, { fps: 8 });
    await withSimulator(async (simulator) => {
      const [webp] = await start(simulator, graph);
      const metadata = await sharp(webp, { pages: -1 }).metadata();
      expect(metadata).toMatchObject({ format: 'webp', width: 128, pageHeight: 192, pages: 5, loop: 0 });
      expect(metadata.delay).toEqual([125, 125, 125, 125, 125]);
      const exif = metadata.exif!.toString('latin1');
      expect(exif).toContain('prompt:{"1": {"class_type": "CheckpointLoaderSimple"');
      expect(exif).toContain('workflow:{"id": "w\\u2603"}');
    });
  });

  it('run out of simulated memory where a real card would, as an execution_error of the recorded shape', async () => {
    const graph = await templateGraph('text-to-animation');
    graph['1']!.inputs['ckpt_name'] = RECORDED_CHECKPOINT;
    Object.assign(graph['4']!.inputs, { batch_size: 64, width: 2048, height: 2048 });
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const id = await submit(simulator, graph, 'me');
      await socket.settled(id);
      const [error] = socket.ofType('execution_error');
      expect(error!.data).toMatchObject({ node_type: 'KSampler', exception_type: 'torch.OutOfMemoryError' });
      expect(simulator.counters.samplerRuns).toBe(0);
    });
  });
});

describe('a node that raises', () => {
  const graph = { ...runs.caching[0]!.graph, '3': { class_type: 'ImageInvert', inputs: { image: ['1', 0] } } };
  Object.assign(graph, { '4': { class_type: 'PreviewImage', inputs: { images: ['3', 0] } } });
  const failNode = { class_type: 'ImageInvert', exception_type: 'RuntimeError', message: 'asked for', times: 1 };

  it('ends the prompt with the recorded evidence, keeps finished outputs, and runs again when asked again', async () => {
    await withSimulator(
      async (simulator) => {
        using socket = await TestSocket.open(simulator, 'me');
        const id = await submit(simulator, graph, 'me');
        await socket.settled(id);
        const error = socket.ofType('execution_error')[0]!.data;
        expect(Object.keys(error).sort()).toEqual(Object.keys(shapes['execution_error']!).sort());
        expect(error).toMatchObject({
          node_id: '3',
          node_type: 'ImageInvert',
          executed: ['1', '2'],
          exception_message: 'asked for\n',
          exception_type: 'RuntimeError',
        });
        const job = await get(simulator, `/api/jobs/${id}`);
        expect(Object.keys(job).sort()).toEqual(Object.keys(shapes['job failed']!).sort());
        expect(job).toMatchObject({ status: 'failed', execution_error: error, outputs_count: 1 });
        const again = await submit(simulator, graph, 'me');
        await socket.settled(again);
        expect((await get(simulator, `/api/jobs/${again}`))['status']).toBe('completed');
      },
      { faults: { failNode } },
    );
  });

  it('is what a prefix outside the output folder does', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      const outside = structuredClone(runs.caching[0]!.graph);
      outside['2']!.inputs['filename_prefix'] = '../../evil';
      const id = await submit(simulator, outside, 'me');
      await socket.settled(id);
      expect(socket.ofType('execution_error')[0]!.data).toMatchObject({
        node_id: '2',
        exception_type: 'Exception',
        exception_message: expect.stringContaining('Saving image outside the output folder is not allowed'),
      });
      expect((await request(simulator, `/api/jobs/${id}`)).json()).toMatchObject({ status: 'failed' });
    });
  });

  it('is not what ends the server for a node without inputs: the worker dies and HTTP goes on', async () => {
    await withSimulator(async (simulator) => {
      const broken = { ...runs.caching[0]!.graph, '9': { class_type: 'ImageInvert' } };
      using socket = await TestSocket.open(simulator, 'me');
      const id = await submit(simulator, broken, 'me');
      await socket.until(() => socket.ofType('execution_start').length === 1);
      await submit(simulator, runs.caching[0]!.graph, 'me');
      const queue = await get<{ queue_running: unknown[][]; queue_pending: unknown[][] }>(simulator, '/queue');
      expect(queue.queue_running[0]![1]).toBe(id);
      expect(queue.queue_pending).toHaveLength(1);
      expect((await post(simulator, '/interrupt')).status).toBe(200);
    });
  });
});
