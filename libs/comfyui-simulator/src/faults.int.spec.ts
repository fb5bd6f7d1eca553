import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { NO_FAULTS } from './faults.js';
import { Sockets } from './sockets.js';
import {
  get,
  post,
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

describe('the events', () => {
  it('of the lost kinds are not sent, all others are', async () => {
    await withSimulator(
      async (simulator) => {
        using socket = await TestSocket.open(simulator, 'me');
        await socket.settled(await submit(simulator, quick(1), 'me'));
        const heard = new Set(socket.messages.map(({ type }) => type));
        expect(heard.has('execution_start')).toBe(true);
        expect(heard.has('execution_success')).toBe(false);
        expect(heard.has('executed')).toBe(false);
      },
      { faults: { lostEvents: { types: ['execution_success', 'executed'] } } },
    );
  });

  it('that are lost by share are the same ones for the same seed', async () => {
    const run = async (seed: number): Promise<string[]> => {
      let heard: string[] = [];
      await withSimulator(
        async (simulator) => {
          using socket = await TestSocket.open(simulator, 'me');
          const id = await submit(simulator, quick(1), 'me');
          await settledStatus(simulator, id);
          simulator.faults.lostEvents = null;
          await socket.settled(await submit(simulator, quick(1), 'me'));
          heard = socket.messages.filter(({ data }) => data['prompt_id'] === id).map(({ type }) => type);
        },
        { faults: { lostEvents: { share: 0.5, seed } } },
      );
      return heard;
    };
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect(first.length).toBeGreaterThan(0);
    expect(first.length).toBeLessThan(13);
  });

  it('of everybody wait while one reader has stalled, and come in order afterwards', async () => {
    await withSimulator(
      async (simulator) => {
        using socket = await TestSocket.open(simulator, 'me');
        const id = await submit(simulator, quick(1), 'me');
        expect(await settledStatus(simulator, id)).toBe('completed');
        expect(socket.messages).toHaveLength(1);
        await post(simulator, '/simulator/faults', { stalledReader: false });
        await socket.settled(id);
        expect(socket.messages[3]!.type).toBe('execution_start');
      },
      { faults: { stalledReader: true } },
    );
  });

  it('of everybody wait for a client that really stopped reading, until it is gone', async () => {
    const sockets = new Sockets({ faults: { ...NO_FAULTS }, remaining: () => 0, runningNode: () => null });
    const server = createServer().on('upgrade', (incoming, socket, head) => sockets.accept(incoming, socket, head));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', () => listening()));
    const address = server.address();
    const place = { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` };
    using stalled = await TestSocket.open(place, 'stalled');
    using healthy = await TestSocket.open(place, 'healthy');
    stalled.socket.pause();
    // More than the buffers between the two hold.
    for (let index = 0; index < 4; index += 1) sockets.sendBinary(Buffer.alloc(16_000_000), 'stalled');
    sockets.send('late', {}, 'healthy');
    healthy.socket.ping();
    await new Promise((resolve) => healthy.socket.once('pong', resolve));
    expect(healthy.ofType('late')).toEqual([]);
    stalled.socket.terminate();
    await healthy.until(() => healthy.ofType('late').length === 1);
    sockets.close();
    server.close();
  });
});

describe('a restart', () => {
  it('forgets queue, history, cache and temp files, counts from 0 and keeps output files', async () => {
    await withSimulator(async (simulator, dataDir) => {
      using socket = await TestSocket.open(simulator, 'me');
      const done = await submit(simulator, quick(1, 'kept'), 'me');
      await socket.settled(done);
      simulator.faults.zombieWorker = true;
      await submit(simulator, quick(2));
      await simulator.restart();
      await socket.closed();
      expect(socket.closeCode).toBe(1006);
      expect(await get(simulator, '/queue')).toEqual({ queue_running: [], queue_pending: [] });
      expect(await get(simulator, '/history')).toEqual({});
      expect((await stat(join(dataDir, 'output', 'kept_00001_.png'))).size).toBeGreaterThan(0);
      const answer = await post(simulator, '/prompt', { prompt: quick(1, 'kept') });
      expect(answer.json()['number']).toBe(0);
      await settledStatus(simulator, String(answer.json()['prompt_id']));
      // It ran again: the cache was memory, too.
      expect((await stat(join(dataDir, 'output', 'kept_00002_.png'))).size).toBeGreaterThan(0);
    });
  });

  it('refuses connections until it is up again, and cures a faulty card', async () => {
    await withSimulator(async (simulator) => {
      simulator.faults.atPrompt = [{ kind: 'gpu-fault', at: 'start' }];
      for (const color of [1, 2]) {
        const id = await submit(simulator, quick(color));
        expect(await settledStatus(simulator, id)).toBe('failed');
        expect(await get(simulator, `/api/jobs/${id}`)).toMatchObject({
          execution_error: { exception_message: expect.stringContaining('illegal memory access') },
        });
      }
      const restarted = simulator.restart({ downMs: 200 });
      await expect(fetch(`${simulator.url}/queue`)).rejects.toThrow('fetch failed');
      await restarted;
      expect(await settledStatus(simulator, await submit(simulator, quick(1)))).toBe('completed');
      expect(simulator.counters.restarts).toBe(1);
    });
  });

  it('can be ordered over HTTP', async () => {
    await withSimulator(async (simulator) => {
      expect((await post(simulator, '/simulator/restart', { down_ms: 1 })).status).toBe(200);
      await until(async () => (await request(simulator, '/queue').catch(() => undefined))?.status === 200);
      await until(async () => simulator.counters.restarts === 1);
      expect((await post(simulator, '/simulator/restart', { down_ms: 'x' })).status).toBe(400);
    });
  });
});

describe('the gap between success and history', () => {
  const GAP = { faults: { historyDelayMs: 3_600_000 } };

  it('ends with the server that is killed in it: the prompt has succeeded, and nobody knows of it', async () => {
    await withSimulator(async (simulator, dataDir) => {
      using socket = await TestSocket.open(simulator, 'me');
      const id = await submit(simulator, quick(1, 'gap'), 'me');
      await socket.until(() => socket.ofType('execution_success').length === 1);
      expect(await get(simulator, `/history/${id}`)).toEqual({});
      await simulator.restart();
      expect((await request(simulator, `/api/jobs/${id}`)).status).toBe(404);
      expect(await get(simulator, '/history')).toEqual({});
      expect((await stat(join(dataDir, 'output', 'gap_00001_.png'))).size).toBeGreaterThan(0);
      simulator.faults.historyDelayMs = 0;
      expect(await settledStatus(simulator, await submit(simulator, quick(1)))).toBe('completed');
    }, GAP);
  });

  it('does not hold up the end of the process', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      await submit(simulator, quick(1), 'me');
      await socket.until(() => socket.ofType('execution_success').length === 1);
      await simulator.close();
      expect(socket.ofType('executing').filter(({ data }) => data['node'] === null)).toEqual([]);
    }, GAP);
  });
});

describe('a step that takes an hour', () => {
  it('ends with the process', async () => {
    await withSimulator(
      async (simulator) => {
        using socket = await TestSocket.open(simulator, 'me');
        const graph = await templateGraph('text-to-image');
        graph['1']!.inputs['ckpt_name'] = RECORDED_CHECKPOINT;
        Object.assign(graph['4']!.inputs, { width: 64, height: 64 });
        await submit(simulator, graph, 'me');
        await socket.until(() => socket.ofType('executing').some(({ data }) => data['node'] === '5'));
        await simulator.restart();
        expect(await settledStatus(simulator, await submit(simulator, quick(1)))).toBe('completed');
      },
      { stepDelayMs: 3_600_000 },
    );
  });
});

describe('HTTP', () => {
  it('answers nothing for a while as the worker goes on', async () => {
    await withSimulator(async (simulator) => {
      using socket = await TestSocket.open(simulator, 'me');
      simulator.faults.atPrompt = [{ kind: 'stall-http', at: 'start', ms: 700 }];
      const id = await submit(simulator, quick(1), 'me');
      await until(async () => simulator.counters.faultsStruck['stall-http'] === 1);
      let isAnswered = false;
      const answer = get(simulator, '/queue').finally(() => {
        isAnswered = true;
      });
      await socket.settled(id);
      expect(isAnswered).toBe(false);
      await answer;
      simulator.faults.stallHttpMs = 30;
      await get(simulator, '/queue');
      expect(simulator.faults.stallHttpMs).toBe(0);
    });
  });

  it('delays a share of the answers', async () => {
    await withSimulator(
      async (simulator) => {
        const slow: boolean[] = [];
        for (let index = 0; index < 12; index += 1) {
          const asked = performance.now();
          await get(simulator, '/prompt');
          slow.push(performance.now() - asked > 240);
        }
        expect(slow).toContain(true);
        expect(slow).toContain(false);
      },
      { faults: { latencySpikes: { share: 0.4, ms: 250, seed: 3 } } },
    );
  });

  it('queues a prompt and cuts the connection without an answer', async () => {
    await withSimulator(
      async (simulator) => {
        const promptId = '6a2ec321-de95-422c-9ee1-248bfc7e6415';
        await expect(submit(simulator, quick(1), 'me', { prompt_id: promptId })).rejects.toThrow('fetch failed');
        expect(await settledStatus(simulator, promptId)).toBe('completed');
        expect(simulator.counters.promptsAccepted).toBe(1);
        await submit(simulator, quick(2));
      },
      { faults: { cutPromptAnswers: 1 } },
    );
  });

  it('refuses connections for a while', async () => {
    await withSimulator(async (simulator) => {
      const open = simulator.refuseConnections(150);
      await expect(fetch(`${simulator.url}/queue`)).rejects.toThrow('fetch failed');
      await open;
      expect((await request(simulator, '/queue')).status).toBe(200);
    });
  });

  it('knows no jobs, or no cancel, on older servers', async () => {
    await withSimulator(async (simulator) => {
      const path = '/api/jobs/00000000-0000-4000-8000-000000000000';
      simulator.faults.withoutJobCancel = true;
      expect((await request(simulator, path)).json()).toEqual({ error: 'Job not found' });
      expect((await post(simulator, `${path}/cancel`)).status).toBe(405);
      simulator.faults.withoutJobs = true;
      const answer = await request(simulator, path);
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 404, text: '' });
      expect((await request(simulator, '/api/jobs')).status).toBe(404);
    });
  });

  it('has not the nodes and models it pretends not to have', async () => {
    await withSimulator(async (simulator) => {
      simulator.faults.missingNodes = ['SaveImage'];
      const answer = await post(simulator, '/prompt', { prompt: quick(1) });
      expect(answer.json()).toMatchObject({
        error: { type: 'missing_node_type', extra_info: { class_type: 'SaveImage' } },
      });
      expect(await get(simulator, '/object_info/SaveImage')).toEqual({});
      const [model = ''] = await get<string[]>(simulator, '/models/checkpoints');
      simulator.faults.missingModels = [model];
      expect(await get(simulator, '/models/checkpoints')).toEqual([]);
      const loader = { '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: model } } };
      simulator.faults.missingNodes = [];
      const graph = { ...loader, '2': { class_type: 'PreviewAny', inputs: { source: ['1', 0] } } };
      const refused = await post(simulator, '/prompt', { prompt: graph });
      expect(JSON.stringify(refused.json()['node_errors'])).toContain('value_not_in_list');
    });
  });
});

describe('an output file', () => {
  const view = '/view?filename=q_00001_.png';

  it.each(['truncated', 'empty', 'deleted'] as const)('is %s, and history says nothing of it', async (how) => {
    await withSimulator(
      async (simulator, dataDir) => {
        for (const color of [1, 2]) {
          expect(await settledStatus(simulator, await submit(simulator, quick(color)))).toBe('completed');
        }
        const torn = await readFile(join(dataDir, 'output', 'q_00001_.png')).catch(() => undefined);
        const whole = await readFile(join(dataDir, 'output', how === 'deleted' ? 'q_00001_.png' : 'q_00002_.png'));
        if (how === 'truncated') expect(torn!.includes('IEND')).toBe(false);
        if (how === 'empty') expect(torn).toHaveLength(0);
        expect(whole.includes('IEND')).toBe(true);
      },
      { faults: { tornFiles: { how, times: 1 } } },
    );
  });

  it('is as large as a long clip, and still a picture', async () => {
    await withSimulator(
      async (simulator) => {
        await settledStatus(simulator, await submit(simulator, quick(1)));
        const bytes = Buffer.from(await (await fetch(simulator.url + view)).arrayBuffer());
        expect(bytes).toHaveLength(3_000_000);
        expect(bytes.subarray(1, 4).toString()).toBe('PNG');
        expect(bytes.at(-1)).toBe(0);
      },
      { faults: { fileBytes: 3_000_000 } },
    );
  });

  it('is whole and its download is cut', async () => {
    await withSimulator(
      async (simulator) => {
        await settledStatus(simulator, await submit(simulator, quick(1)));
        const response = await fetch(simulator.url + view);
        expect(response.status).toBe(200);
        await expect(response.arrayBuffer()).rejects.toThrow('terminated');
        const again = await fetch(simulator.url + view);
        expect(String((await again.arrayBuffer()).byteLength)).toBe(again.headers.get('content-length'));
      },
      { faults: { tornFiles: { how: 'cut-download', times: 1 } } },
    );
  });
});

describe('history', () => {
  it('may call a failed prompt a success', async () => {
    await withSimulator(
      async (simulator) => {
        const id = await submit(simulator, quick(1));
        expect(await settledStatus(simulator, id)).toBe('completed');
        const { status } = (await get<Record<string, { status: Record<string, unknown> }>>(simulator, '/history'))[id]!;
        expect(status).toMatchObject({ status_str: 'success', completed: true });
        expect(JSON.stringify(status['messages'])).toContain('execution_error');
      },
      { faults: { statusLie: true, atPrompt: [{ kind: 'node-exception', at: 'start' }] } },
    );
  });

  it('may hold a bare NaN, from a fault or from the request itself', async () => {
    await withSimulator(
      async (simulator) => {
        const id = await submit(simulator, quick(1));
        await until(async () => (await request(simulator, `/history/${id}`)).text.includes('"score": [NaN]'));
        const body = `{"prompt": ${JSON.stringify(quick(2))}, "number": NaN}`;
        const answer = await request(simulator, '/prompt', { method: 'POST', body });
        expect(answer.text).toContain('"number": NaN');
      },
      { faults: { nanInHistory: true } },
    );
  });
});

describe('the switches', () => {
  it.each([
    [{ nope: 1 }, 'unknown fault nope'],
    [{ lostEvents: { share: 2 } }, 'lostEvents.share'],
    [{ lostEvents: { kinds: [] } }, 'lostEvents has no member kinds'],
    [{ latencySpikes: { share: 0.5 } }, 'latencySpikes.ms'],
    [{ tornFiles: { how: 'burnt' } }, 'tornFiles.how must be one of truncated'],
    [{ missingNodes: 'A' }, 'missingNodes must be a list'],
    [{ reservedVramMb: -1 }, 'reservedVramMb'],
    [{ atPrompt: [{ kind: 'restart' }] }, 'atPrompt[0]: at must be one of start, middle, end'],
    [{ atPrompt: [{ kind: 'flood', at: 'end' }] }, 'atPrompt[0]: kind must be one of'],
    [{ atPrompt: [{ kind: 'restart', at: 'end', times: 0 }] }, 'atPrompt[0]: times'],
  ])('refuse %j and say why', async (body, reason) => {
    await withSimulator(async (simulator) => {
      const answer = await post(simulator, '/simulator/faults', body);
      expect(answer.status).toBe(400);
      expect(answer.json()['error']).toContain(reason);
    });
  });

  it('take away video memory', async () => {
    await withSimulator(async (simulator) => {
      const free = async (): Promise<number> =>
        (await get<{ devices: { vram_free: number }[] }>(simulator, '/system_stats')).devices[0]!.vram_free;
      const before = await free();
      await post(simulator, '/simulator/faults', { reservedVramMb: 1000 });
      expect(before - (await free())).toBe(1000 * 1024 * 1024);
    });
  });
});
