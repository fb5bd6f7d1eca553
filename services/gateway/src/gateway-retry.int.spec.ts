import { JobAcceptedV3, JobAssignedV2, JobAttemptFailedV2, JobFailedV1 } from '@anime/contracts';
import { promptIdOf, uuidv7, type NewEvent } from '@anime/event-store';
import { testEvent } from '@anime/event-store/testing';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { useNats } from '@anime/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { jobEvents } from './projections/jobs/testing/sample-events.js';
import { startOwnGateway, type OwnGateway } from './testing/test-gateway.js';

const check = new AnswerCheck();
const nats = useNats();
let gateway: OwnGateway;
let jobId: string;

beforeAll(async () => {
  gateway = await startOwnGateway(nats, { check });
});
afterAll(async () => gateway[Symbol.asyncDispose]());
beforeEach(async () => {
  const { body } = await gateway.send('POST', '/api/anime/generate/image', { body: { prompt: 'a fox' } });
  jobId = String(body['jobId']);
});

const retry = (body?: unknown, id = jobId) =>
  gateway.send('POST', `/api/anime/jobs/${id}/retry`, body === undefined ? {} : { body });
const job = async () => (await gateway.send('GET', `/api/anime/jobs/${jobId}?after=${await gateway.log.end()}`)).body;
async function tell(...events: readonly NewEvent[]): Promise<void> {
  for (const event of events) await gateway.log.append(event);
}
const decision = { epoch: 1 };
const executorId = uuidv7();
/** The events by which it fails after one attempt. */
function failing(attempt: number): NewEvent[] {
  const run = { attempt, executorId, promptId: promptIdOf(jobId, attempt) };
  const accepted = testEvent(JobAcceptedV3, jobId, jobEvents(jobId).accepted.data, decision);
  const assigned = { ...run, variant: 'normal', vramGb: 4, freeMemory: false } as const;
  const failed = { ...run, class: 'oom', reason: 'out-of-memory', message: 'no memory', evidence: {} } as const;
  return [
    ...(attempt === 1 ? [accepted] : []),
    testEvent(JobAssignedV2, jobId, assigned, decision),
    testEvent(JobAttemptFailedV2, jobId, failed),
    testEvent(JobFailedV1, jobId, { class: 'oom', message: 'no memory', attempts: attempt }, decision),
  ];
}

describe('a failed job', () => {
  it('waits again when it is to be tried again, as often as it fails, and tells the reason in its trail', async () => {
    for (const attempt of [1, 2]) {
      await tell(...failing(attempt));
      expect(await job()).toMatchObject({ status: 'failed', failure: { class: 'oom' }, waiting: null });
      const { status, body } = await retry({ reason: `go on, ${attempt}` });
      expect({ status, body }).toEqual({ status: 202, body: { jobId, position: await gateway.log.end() } });
      expect(await job()).toMatchObject({
        status: 'queued',
        failure: null,
        endedAt: null,
        waiting: { last: { attempt, class: 'oom', reason: 'out-of-memory' } },
        links: { retry: `/api/anime/jobs/${jobId}/retry` },
      });
    }
    const { body } = await gateway.send('GET', `/api/anime/jobs/${jobId}/events`);
    const trail = (body['events'] as { type: string; data: { reason?: { text: string } } }[]).flatMap(
      ({ type, data }) => (type === 'job.retry-requested' ? [data.reason?.text] : []),
    );
    expect(trail).toEqual(['go on, 1', 'go on, 2']);
  });

  it('is tried again once by many wishes at a time, of which the others are refused', async () => {
    await tell(...failing(1));
    const answers = await Promise.all(
      [undefined, null, {}, { reason: 'now' }, { reason: 'soon' }].map((body) => retry(body)),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 409, 409, 409, 409]);
    for (const { status, body } of answers) if (status === 409) expect(body).toMatchObject({ code: 'job-not-failed' });
    const stored: string[] = [];
    for await (const entry of gateway.log.readAggregate('job', jobId))
      if (entry.status === 'event') stored.push(entry.event.type);
    expect(stored.filter((type) => type === 'job.retry-requested')).toHaveLength(1);
  });

  it('can be cancelled once it waits again', async () => {
    await tell(...failing(1));
    expect((await gateway.send('POST', `/api/anime/jobs/${jobId}/cancel`)).status).toBe(409);
    await retry();
    expect((await gateway.send('POST', `/api/anime/jobs/${jobId}/cancel`)).status).toBe(202);
  });
});

describe('a job that has not failed', () => {
  it('is not tried again, nor one that there is not', async () => {
    expect(await retry()).toMatchObject({ status: 409, body: { code: 'job-not-failed' } });
    expect(await retry({ reason: 'x' }, uuidv7())).toMatchObject({ status: 404, body: { code: 'job-not-found' } });
    expect(await retry({ reason: '' })).toMatchObject({ status: 400, body: { errors: [{ path: '/reason' }] } });
    expect(await retry({ why: 'x' })).toMatchObject({ status: 400 });
  });
});
