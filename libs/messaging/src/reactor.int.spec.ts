import { describe, expect, it, jest } from '@jest/globals';
import { JobCancelOrderedV1, JobCancelRequestedV2, JobFailedV1, SchedulerTermStartedV1 } from '@anime/contracts';
import { currentTraceparent, uuidv7 } from '@anime/event-store';
import { recordSpans } from '@anime/event-store/testing';
import { ProblemError } from '@anime/problem-details';
import { eventually } from '@anime/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { trace } from '@opentelemetry/api';
import { DONE, type Outcome } from './consumer-table.js';
import { DURABLE, recorder, useReactorStudios, type ReactorStudio } from './testing/reactor-studio.js';

jest.setTimeout(30_000);
const studios = useReactorStudios();

/** What the server still waits for: not yet delivered, and delivered but not acknowledged. */
async function open(studio: ReactorStudio): Promise<{ pending: number; unacknowledged: number }> {
  const manager = await jetstreamManager(await studio.log.connected());
  const info = await manager.consumers.info(studio.stream, DURABLE);
  return { pending: info.num_pending, unacknowledged: info.num_ack_pending };
}
const settled = (studio: ReactorStudio) =>
  eventually(async () => JSON.stringify(await open(studio)) === '{"pending":0,"unacknowledged":0}', {
    what: 'every message is settled',
  });

describe('a reactor', () => {
  it('handles the events of its own types once each and acknowledges all, also what it does not want', async () => {
    const studio = await studios();
    await studio.createDurable();
    const worker = recorder();
    const service = studio.serve([worker.row]);
    await studio.appendMany(30);
    await studio.append(SchedulerTermStartedV1, { epoch: 1, leader: uuidv7() });
    await (await studio.log.connected()).request(`${studio.log.root}.job.x.gateway`, 'garbage');
    await studio.appendMany(10);
    await settled(studio);
    expect(worker.positions().sort((a, b) => a - b)).toEqual([
      ...Array.from({ length: 30 }, (_, i) => i + 1),
      ...Array.from({ length: 10 }, (_, i) => i + 33),
    ]);
    expect(service.consumers()).toMatchObject([
      { name: 'worker', kind: 'reactor', state: 'running', reason: null, skipped: { void: 1 } },
    ]);
    expect(service.check()).toEqual({ ok: true, reason: null });
    await eventually(() => service.consumers()[0]?.position === 42 && service.consumers()[0]?.lag === 0, {
      what: 'its status tells position and lag',
    });
  });

  it('keeps an event for longer than the ack wait, being handled or waiting for its turn: no other process gets it too', async () => {
    const studio = await studios();
    await studio.createDurable(DURABLE, 1_000);
    const slow = async (): Promise<Outcome> => {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return DONE;
    };
    const workers = [
      recorder(slow, { ackWaitMs: 1_000, concurrency: 1 }),
      recorder(slow, { ackWaitMs: 1_000, concurrency: 1 }),
    ];
    for (const worker of workers) studio.serve([worker.row], { log: await studio.open() });
    await studio.appendMany(6);
    await settled(studio);
    const handled = workers
      .flatMap((worker) => worker.handled)
      .toSorted((a, b) => a.position - b.position)
      .map(({ position, deliveries }) => [position, deliveries]);
    expect(handled).toEqual([1, 2, 3, 4, 5, 6].map((position) => [position, 1]));
  });

  it('tries again after the delays of the table, and after the delay that a handler asks for', async () => {
    const studio = await studios();
    await studio.createDurable();
    const worker = recorder(
      async (event, { deliveries }) => {
        if (deliveries === 1) throw new Error('not yet');
        if (deliveries === 2) return { kind: 'retry', error: new Error('not yet') };
        if (deliveries === 3) return { kind: 'retry', error: new ProblemError('storage-failed', 'full'), delayMs: 30 };
        return DONE;
      },
      { backoffMs: [100, 2_000] },
    );
    studio.serve([worker.row]);
    await studio.appendMany(1);
    await settled(studio);
    expect(worker.handled.map(({ deliveries }) => deliveries)).toEqual([1, 2, 3, 4]);
    const gaps = worker.handled.slice(1).map(({ at }, i) => at - (worker.handled[i]?.at ?? 0));
    expect(gaps[0]).toBeGreaterThanOrEqual(95);
    expect(gaps[1]).toBeGreaterThanOrEqual(1_995);
    expect(gaps[2]).toBeLessThan(1_900);
    expect(worker.parked).toEqual([]);
  });

  it('parks and ends a poisonous event and goes on with the others', async () => {
    const studio = await studios();
    await studio.createDurable();
    const corrupt = new ProblemError('blob-corrupt', 'not the content of its name');
    const worker = recorder(
      async (event) => {
        if (event.position === 1) throw corrupt; // a repeat makes no sense
        if (event.position === 2) return { kind: 'park', error: 'said so' };
        if (event.position === 3) throw new Error('always');
        return DONE;
      },
      { maxDeliveries: 3, backoffMs: [10] },
    );
    studio.serve([worker.row]);
    await studio.appendMany(6);
    await settled(studio);
    expect(worker.parked.sort((a, b) => a.position - b.position)).toEqual([
      { position: 1, error: corrupt, deliveries: 1 },
      { position: 2, error: 'said so', deliveries: 1 },
      { position: 3, error: new Error('always'), deliveries: 3 },
    ]);
    expect(worker.positions().filter((position) => position <= 2)).toEqual([1, 2]);
    expect(
      worker
        .positions()
        .filter((position) => position > 3)
        .sort((a, b) => a - b),
    ).toEqual([4, 5, 6]);
  });

  it('tries again when an event could not be parked', async () => {
    const studio = await studios();
    await studio.createDurable();
    let parks = 0;
    const worker = recorder(async () => ({ kind: 'park', error: 'x' }), {
      backoffMs: [20],
      park: async () => {
        parks += 1;
        if (parks < 3) throw new ProblemError('log-unavailable', 'away');
      },
    });
    studio.serve([worker.row]);
    await studio.appendMany(1);
    await settled(studio);
    expect(parks).toBe(3);
  });

  it('keeps the order of each key over failures, and handles the keys side by side', async () => {
    const studio = await studios();
    await studio.createDurable();
    const jobs = [uuidv7(), uuidv7(), uuidv7()];
    const done: [string, number][] = [];
    let running = 0;
    let most = 0;
    const worker = recorder(
      async (event, { deliveries }) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running -= 1;
        if (event.position % 4 === 0 && deliveries < 3) throw new Error('not yet');
        done.push([event.aggregateId, event.position]);
        return DONE;
      },
      { orderingKey: (event) => event.aggregateId, concurrency: 3, backoffMs: [20] },
    );
    studio.serve([worker.row]);
    for (let i = 0; i < 30; i += 1) await studio.append(JobCancelRequestedV2, { reason: null }, jobs[i % 3]);
    await settled(studio);
    for (const [i, job] of jobs.entries()) {
      expect(done.filter(([key]) => key === job).map(([, position]) => position)).toEqual(
        Array.from({ length: 10 }, (_, n) => n * 3 + i + 1),
      );
    }
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('lets no handler that never ends hold up the others', async () => {
    const studio = await studios();
    await studio.createDurable();
    const worker = recorder(async (event) => (event.position === 1 ? new Promise(() => undefined) : DONE), {
      concurrency: 2,
    });
    studio.serve([worker.row], { drainMs: 50 });
    await studio.appendMany(100);
    await eventually(() => worker.handled.length === 100, { what: 'all others were handled' });
    await eventually(async () => (await open(studio)).unacknowledged === 1, { what: 'only that one is open' });
  });

  it('does nothing for an event that is no longer current, and acknowledges it', async () => {
    const studio = await studios();
    await studio.createDurable();
    const worker = recorder(undefined, { isCurrent: async (event) => event.position === 2 });
    studio.serve([worker.row]);
    await studio.appendMany(3);
    await settled(studio);
    expect(worker.positions()).toEqual([2]);
  });

  it('does nothing for a decision of a term that had ended', async () => {
    const studio = await studios();
    await studio.createDurable();
    const worker = recorder(undefined, { events: [JobCancelOrderedV1] });
    const data = { attempt: 1, executorId: uuidv7(), promptId: uuidv7() };
    const leader = uuidv7();
    const order = (epoch: number) => studio.append(JobCancelOrderedV1, data, uuidv7(), { epoch });
    await studio.append(SchedulerTermStartedV1, { epoch: 1, leader }, leader);
    await order(1);
    await studio.append(SchedulerTermStartedV1, { epoch: 2, leader }, leader);
    await order(1); // too late: fenced
    await order(2);
    const service = studio.serve([worker.row]);
    await settled(studio);
    expect(worker.positions().sort((a, b) => a - b)).toEqual([2, 5]);
    expect(service.consumers()[0]?.skipped.fenced).toBe(1);
  });

  it('handles and parks in the trace of the event, try by try, and says it in what it logs', async () => {
    const record = await recordSpans();
    try {
      const studio = await studios();
      await studio.createDurable();
      const handledIn: unknown[] = [];
      const logged: [string, string | undefined][] = [];
      const log = (_fields: object, message: string): void => void logged.push([message, currentTraceparent()]);
      const worker = recorder(
        async () => {
          handledIn.push(trace.getActiveSpan()?.spanContext().spanId);
          return { kind: 'retry', error: new ProblemError('storage-failed', 'no room for Jane Doe') };
        },
        { backoffMs: [20], maxDeliveries: 2 },
      );
      studio.serve([worker.row], { logger: { debug: log, info: log, warn: log, error: log } });
      const traceId = 'a'.repeat(32);
      await studio.append(JobCancelRequestedV2, { reason: null }, uuidv7(), {
        traceparent: `00-${traceId}-${'b'.repeat(16)}-01`,
      });
      await settled(studio);
      await eventually(() => logged.some(([message]) => message === 'parked'), { what: 'it says that it parked' });
      const [published, ...made] = record.spans();
      expect(
        made.map((span) => [span.name, span.attributes['anime.outcome'], span.attributes['anime.deliveries']]),
      ).toEqual([
        ['process job.cancel-requested', 'retry', 1],
        ['process job.cancel-requested', 'retry', 2],
        ['park job.cancel-requested', undefined, 2],
      ]);
      for (const span of made) {
        expect(span.parentSpanContext).toMatchObject({ traceId, spanId: published?.spanContext().spanId });
        expect(JSON.stringify([span.status, span.events, span.attributes])).not.toContain('Jane');
      }
      const spanIds = made.map((span) => span.spanContext().spanId);
      expect(handledIn).toEqual(spanIds.slice(0, 2));
      expect(logged).toEqual([
        ['will be tried again', `00-${traceId}-${spanIds[0]}-01`],
        ['parked', `00-${traceId}-${spanIds[2]}-01`],
      ]);
    } finally {
      await record.stop();
    }
  });

  it('refuses a table in which two rows share a name or a durable', async () => {
    const studio = await studios();
    const { row } = recorder();
    expect(() => studio.serve([row, { ...row, name: 'other' }])).toThrow('durable worker');
    expect(() => studio.serve([row, { ...row, durable: 'other', events: [JobFailedV1] }])).toThrow('called worker');
  });
});
