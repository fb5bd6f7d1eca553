import { ExecutorHeartbeatV1, JobAcceptedV3, JobAssignedV2 } from '@anime/contracts';
import { deriveId, executorIdOf, promptIdOf, type NewEvent } from '@anime/event-store';
import { newerEvent, testEvent } from '@anime/event-store/testing';
import { AnswerCheck } from '@anime/gateway-client/testing';
import {
  ExecutorDrainedV1,
  ExecutorEnvironmentChangedV1,
  ExecutorLostV1,
  ExecutorPausedV1,
  ExecutorRegisteredV1,
} from '@anime/contracts';
import { publishLive } from '@anime/messaging';
import { eventually, useNats } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobEvents } from './projections/jobs/testing/sample-events.js';
import { ENVIRONMENT } from './projections/jobs/testing/other-events.js';
import { startOwnGateway, type OwnGateway } from './testing/test-gateway.js';

const EXECUTORS = '/api/anime/executors';
const check = new AnswerCheck();
const nats = useNats();
let gateway: OwnGateway;

beforeAll(async () => {
  gateway = await startOwnGateway(nats, { check });
});
afterAll(async () => gateway[Symbol.asyncDispose]());

async function tell(...events: readonly NewEvent[]): Promise<void> {
  for (const event of events) await gateway.log.append(event);
}
const registered = (name: string) =>
  testEvent(ExecutorRegisteredV1, executorIdOf('studio', name), {
    name,
    comfyuiVersion: '0.33.0',
    simulator: false,
    devices: [{ name: 'cuda:0 NVIDIA GeForce RTX 2070', vramBytes: 8 * 2 ** 30 }],
  });
/** An executor of its own for each test. @returns its id */
async function register(name: string): Promise<string> {
  await tell(registered(name));
  return executorIdOf('studio', name);
}
const read = async (path: string) => gateway.send('GET', `${path}?after=${await gateway.log.end()}`);
const executor = async (name: string) => (await read(`${EXECUTORS}/${name}`)).body;

describe('an executor', () => {
  it('is listed with what it is, whether it gets work, and what it has', async () => {
    const id = await register('one');
    const jobId = deriveId(id, 'job');
    const sample = jobEvents(jobId);
    const run = { attempt: 1, executorId: id, promptId: promptIdOf(jobId, 1) };
    await tell(
      sample.requested,
      testEvent(JobAcceptedV3, jobId, sample.accepted.data, { epoch: 1 }),
      testEvent(JobAssignedV2, jobId, { ...run, variant: 'normal', vramGb: 4, freeMemory: false }, { epoch: 1 }),
    );
    const { body } = await read(EXECUTORS);
    expect(body).toMatchObject({
      executors: [
        {
          id,
          name: 'one',
          state: 'ready',
          simulator: false,
          devices: [{ vramBytes: 8 * 2 ** 30 }],
          paused: null,
          drained: null,
          lost: null,
          openAttempts: [{ jobId, attempt: 1, status: 'assigned', startedAt: null }],
          links: { self: `${EXECUTORS}/one`, environment: null },
        },
      ],
    });
    for (const name of ['one', id]) expect(await executor(name)).toEqual((body['executors'] as unknown[])[0]);
  });

  it('is paused and resumed by name or id, once for wishes that say the same, and tells who paused it and why', async () => {
    const id = await register('two');
    const first = await gateway.send('POST', `${EXECUTORS}/two/pause`, { body: { reason: 'new fan' } });
    expect(first).toMatchObject({ status: 202, body: { executorId: id, position: await gateway.log.end() } });
    const again = await gateway.send('POST', `${EXECUTORS}/${id}/pause`, { body: { reason: 'another' } });
    expect(again.body).toEqual(first.body);
    expect(await executor('two')).toMatchObject({
      state: 'paused',
      paused: {
        since: expect.any(String),
        by: expect.stringMatching(/^[0-9a-f-]{36}$/),
        reason: { text: 'new fan', unavailable: null },
      },
    });
    const last = await gateway.log.lastOnSubject(ExecutorPausedV1, id);
    expect(JSON.stringify(last)).not.toContain('new fan');
    expect((await gateway.send('POST', `${EXECUTORS}/two/resume`)).status).toBe(202);
    expect(await executor('two')).toMatchObject({ state: 'ready', paused: null });
    for (const body of [undefined, null, {}])
      expect((await gateway.send('POST', `${EXECUTORS}/two/pause`, { body })).status).toBe(202);
    expect(await executor('two')).toMatchObject({ paused: { reason: null } });
  });

  it('shows the gravest of several reasons why it gets no work, and the others beside it', async () => {
    const id = await register('three');
    await gateway.send('POST', `${EXECUTORS}/three/pause`);
    await tell(
      testEvent(ExecutorDrainedV1, id, { reason: 'worker-stopped', message: 'it runs nothing', promptId: null }),
    );
    expect(await executor('three')).toMatchObject({ state: 'drained', drained: { reason: 'worker-stopped' } });
    await tell(testEvent(ExecutorLostV1, id, { silentMs: 30_000 }, { epoch: 1 }));
    expect(await executor('three')).toMatchObject({
      state: 'lost',
      lost: { since: expect.any(String) },
      drained: { message: 'it runs nothing' },
      paused: { reason: null },
    });
    await tell(registered('three'));
    expect(await executor('three')).toMatchObject({
      state: 'paused',
      lost: null,
      drained: null,
      paused: { reason: null },
    });
  });

  it('names the environment that it has, which can be read by its hash', async () => {
    const id = await register('four');
    const environment = 'e'.repeat(64);
    await tell(testEvent(ExecutorEnvironmentChangedV1, id, { ...ENVIRONMENT, environment }));
    const { links } = (await executor('four')) as { links: { environment: string } };
    expect(links.environment).toBe(`/api/anime/environments/${environment}`);
    expect(await read(links.environment)).toMatchObject({
      status: 200,
      body: { ...ENVIRONMENT, environment, firstExecutorId: id },
    });
    expect(await read(`/api/anime/environments/${'d'.repeat(64)}`)).toMatchObject({
      status: 404,
      body: { code: 'environment-not-found' },
    });
    expect(await gateway.send('GET', '/api/anime/environments/d')).toMatchObject({ status: 400 });
  });

  it('that there is not is not found, by any command', async () => {
    for (const [method, path] of [
      ['GET', 'nobody'],
      ['POST', 'nobody/pause'],
      ['POST', 'nobody/resume'],
    ] as const)
      expect(await gateway.send(method, `${EXECUTORS}/${path}`)).toMatchObject({
        status: 404,
        body: { code: 'executor-not-found' },
      });
    expect(await gateway.send('POST', `${EXECUTORS}/Not a name/pause`)).toMatchObject({ status: 400 });
    await tell(newerEvent(ExecutorRegisteredV1, executorIdOf('studio', 'newer')));
    expect(await gateway.send('POST', `${EXECUTORS}/newer/pause`)).toMatchObject({
      status: 503,
      body: { code: 'newer-contract' },
    });
  });

  it('is linked by the status of the system, heard or not', async () => {
    const executorId = await register('five');
    const beat = { executorId, name: 'five', reachable: true, reason: null, jobId: null, queue: null };
    const connection = await nats.connection();
    const system = await eventually(
      async () => {
        const heartbeat = { ...beat, at: new Date().toISOString() };
        publishLive(connection, ExecutorHeartbeatV1, { executorId }, heartbeat);
        const { body } = await gateway.send('GET', '/api/anime/system');
        const executors = body['executors'] as { name: string; reachable: boolean }[];
        return executors.some(({ name, reachable }) => name === 'five' && reachable) ? executors : undefined;
      },
      { what: 'the executor is heard' },
    );
    expect(system).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...beat, links: { self: `${EXECUTORS}/five` } }),
        expect.objectContaining({ name: 'one', reachable: false, links: { self: `${EXECUTORS}/one` } }),
      ]),
    );
  });
});

it('leaves no operation on executors uncalled', () => {
  expect(check.uncalled(['executors'])).toEqual([]);
});
