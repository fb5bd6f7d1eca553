import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  fixture,
  get,
  post,
  RECORDED_CHECKPOINT,
  request,
  settledStatus,
  submit,
  withSimulator,
} from './spec-client.js';

interface RecordedCase {
  readonly name: string;
  readonly body: string;
  readonly status: number;
  readonly answer?: { readonly error?: unknown; readonly node_errors: Record<string, RecordedNodeError> };
  readonly text?: string;
}
interface RecordedNodeError {
  readonly errors: { readonly type: string }[];
  readonly dependent_outputs: string[];
  readonly class_type: string;
}

const cases = await fixture<RecordedCase[]>('post-prompt-failures.json');
/** Its `dependent_outputs` follow the order of a Python set, which differs from run to run. */
const UNORDERED = 'ONE GOOD + TWO BAD OUTPUTS -> 200 with node_errors, bad outputs silently dropped';
const GRAPH = {
  '1': { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color: 7 } },
  '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 't' } },
};

/** Tracebacks name lines of ComfyUI's own source: here it only counts that they are lists of texts. */
function withoutTracebacks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTracebacks);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, member]) => {
    if (key !== 'traceback') return [key, withoutTracebacks(member)];
    expect(member).toEqual([expect.any(String)]);
    return [key, '<traceback>'];
  });
  return Object.fromEntries(members);
}

describe('POST /prompt', () => {
  it.each(cases.filter(({ name }) => name !== UNORDERED))('answers as recorded: $name', async (recorded) => {
    await withSimulator(async (simulator) => {
      const answer = await request(simulator, '/prompt', { method: 'POST', body: recorded.body });
      expect(answer.status).toBe(recorded.status);
      if (recorded.text !== undefined) {
        expect(answer.text).toBe(recorded.text);
        expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      } else if (recorded.status === 200) {
        expect(answer.json()).toEqual({ prompt_id: expect.any(String), number: 0, ...recorded.answer });
      } else {
        expect(withoutTracebacks(answer.json())).toEqual(recorded.answer);
      }
    });
  });

  it('accepts a graph with one good output, reports the others and runs the good one alone', async () => {
    const recorded = cases.find(({ name }) => name === UNORDERED)!;
    await withSimulator(async (simulator) => {
      const answer = await request(simulator, '/prompt', { method: 'POST', body: recorded.body });
      expect(answer.status).toBe(200);
      const { node_errors: errors } = answer.json<{ node_errors: Record<string, RecordedNodeError> }>();
      expect(Object.keys(errors).sort()).toEqual(['3', '4']);
      for (const [id, entry] of Object.entries(errors)) {
        const { dependent_outputs: outputs, ...rest } = entry;
        expect(outputs).toContain(id);
        const { dependent_outputs: _, ...recordedRest } = recorded.answer!.node_errors[id]!;
        expect(rest).toEqual(recordedRest);
      }
      const { prompt_id: id } = answer.json<{ prompt_id: string }>();
      const job = async (): Promise<Record<string, unknown>> => get(simulator, `/api/jobs/${id}`);
      while ((await job())['status'] !== 'completed');
      expect(Object.keys((await job())['outputs'] as object)).toEqual(['2']);
    });
  });

  it('numbers prompts from 0, refused ones too, and front ones negatively', async () => {
    await withSimulator(async (simulator) => {
      const number = async (extra: object): Promise<unknown> =>
        (await post(simulator, '/prompt', { prompt: GRAPH, ...extra })).json()['number'];
      expect(await number({})).toBe(0);
      expect((await post(simulator, '/prompt', {})).status).toBe(400);
      expect(await number({})).toBe(2);
      expect(await number({ front: true })).toBe(-3);
      expect(await number({ number: '12' })).toBe(12);
      expect(await number({})).toBe(4);
    });
  });

  it('converts widget values before they are queued', async () => {
    await withSimulator(async (simulator) => {
      const graph = structuredClone(GRAPH);
      Object.assign(graph['1'].inputs, { width: '64', color: 5.9 });
      const id = await submit(simulator, graph);
      const find = async (): Promise<unknown[]> =>
        Object.values(await get<Record<string, { prompt: unknown[] }>>(simulator, `/history/${id}`)).map(
          ({ prompt }) => prompt[2],
        );
      let found = await find();
      while (found.length === 0) found = await find();
      expect(found[0]).toMatchObject({ '1': { inputs: { width: 64, color: 5 } } });
    });
  });

  it('keeps extra_data with client id and time, without the secrets', async () => {
    await withSimulator(
      async (simulator) => {
        const extra = { my_tag: { a: 1 }, api_key_comfy_org: 'SECRET', auth_token_comfy_org: 'SECRET2' };
        await submit(simulator, GRAPH, 'me', { extra_data: extra });
        const queue = await get<{ queue_pending: unknown[][] }>(simulator, '/queue');
        expect(queue.queue_pending[0]![3]).toEqual({
          my_tag: { a: 1 },
          client_id: 'me',
          create_time: expect.any(Number),
        });
      },
      { faults: { zombieWorker: true } },
    );
  });

  it('takes only the wanted outputs with partial_execution_targets', async () => {
    const graph = { ...GRAPH, '4': GRAPH['2'] };
    await withSimulator(
      async (simulator) => {
        for (const targets of [[], ['1'], ['99']]) {
          const answer = await post(simulator, '/prompt', { prompt: graph, partial_execution_targets: targets });
          expect(answer.status).toBe(400);
          expect(answer.json()['error']).toMatchObject({ type: 'prompt_no_outputs' });
        }
        await submit(simulator, graph, undefined, { partial_execution_targets: ['4'] });
        await submit(simulator, graph, undefined, { partial_execution_targets: null });
        const queue = await get<{ queue_pending: unknown[][] }>(simulator, '/queue');
        expect(queue.queue_pending.map((item) => item[4])).toEqual([['4'], ['2', '4']]);
      },
      { faults: { zombieWorker: true } },
    );
  });

  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    'takes a link to a node %s for one to nothing where there is none, and the worker goes on',
    async (name) => {
      await withSimulator(async (simulator) => {
        const bad = { class_type: 'SaveImage', inputs: { images: [name, 0], filename_prefix: 'bad' } };
        const promptId = randomUUID();
        const answer = await post(simulator, '/prompt', { prompt: { ...GRAPH, '3': bad }, prompt_id: promptId });
        expect(answer.status).toBe(200);
        expect(answer.json()['node_errors']).toMatchObject({
          '3': { errors: [{ type: 'exception_during_validation', details: `'${name}'` }] },
        });
        expect(await settledStatus(simulator, promptId)).toBe('completed');
      });
    },
  );

  it.each(['constructor', '__proto__'])('refuses and runs a node that has the id %s like any other', async (name) => {
    await withSimulator(async (simulator) => {
      const named = (inputs: string): string =>
        `{"prompt": {"1": ${JSON.stringify(GRAPH['1'])}, "${name}": {"class_type": "SaveImage", "inputs": ${inputs}}}}`;
      const body = (inputs: string): RequestInit => ({ method: 'POST', body: named(inputs) });
      const refused = await request(simulator, '/prompt', body('{"filename_prefix": "x"}'));
      expect(refused.text).toContain(`"node_errors": {"${name}": {"errors": [{"type": "required_input_missing"`);
      const taken = await request(simulator, '/prompt', body('{"images": ["1", 0], "filename_prefix": "x"}'));
      const promptId = String(taken.json()['prompt_id']);
      expect(await settledStatus(simulator, promptId)).toBe('completed');
      expect((await request(simulator, `/history/${promptId}`)).text).toContain(`"outputs": {"${name}": {"images"`);
    });
  });

  it('answers 500 for a repeated number with the same id, but has queued the prompt', async () => {
    const twice = { prompt: GRAPH, number: 5, prompt_id: 'c0009f8c-477e-4e81-aa11-12abffd78581' };
    await withSimulator(
      async (simulator) => {
        expect((await post(simulator, '/prompt', twice)).status).toBe(200);
        expect((await post(simulator, '/prompt', twice)).status).toBe(500);
        expect((await get<{ queue_pending: unknown[] }>(simulator, '/queue')).queue_pending).toHaveLength(2);
      },
      { faults: { zombieWorker: true } },
    );
  });

  it('refuses a body above the limit with 413 and its size', async () => {
    await withSimulator(async (simulator) => {
      const answer = await request(simulator, '/prompt', { method: 'POST', body: Buffer.alloc(104_857_601, 32) });
      expect(answer).toMatchObject({ status: 413, text: 'Maximum request body size 104857600 exceeded.' });
    });
  });

  it('reads the list of checkpoints it was started with', async () => {
    await withSimulator(async (simulator) => {
      expect(await get(simulator, '/models/checkpoints')).toEqual([RECORDED_CHECKPOINT]);
      const info = await get<Record<string, { input: { required: { ckpt_name: unknown[] } } }>>(
        simulator,
        '/object_info/CheckpointLoaderSimple',
      );
      expect(info['CheckpointLoaderSimple']!.input.required.ckpt_name[0]).toEqual([RECORDED_CHECKPOINT]);
    });
  });
});
