import { expect, it } from '@jest/globals';
import { EVENT_DATA_LIMIT } from '@anime/contracts';
import type { ConformanceFactory } from './harness.js';
import { JobSampledV1 } from '../sampled-contracts.js';
import { testEvent } from '../test-event.js';
import { cancelRequested, JOB, OTHER_JOB, started } from './samples.js';

export function appendCases(factory: ConformanceFactory): void {
  it('counts positions from 1 and gives each event back as it was appended', async () => {
    const { log } = await factory();
    const event = testEvent(
      JobSampledV1,
      JOB,
      { words: ['a', 'é', '漢'] },
      { causationId: OTHER_JOB, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
    );
    expect(await log.append(event)).toEqual({ position: 1, duplicate: false });
    expect(await log.append(cancelRequested())).toEqual({ position: 2, duplicate: false });
    expect(await log.end()).toBe(2);
    const { contract, ...meta } = event;
    const { aggregate, producer, type, name: storedName } = contract;
    const recorded = {
      ...meta,
      type,
      storedName,
      aggregate,
      producer,
      position: 1,
      data: { words: ['a', 'é', '漢'], count: 3 },
    };
    expect(await first(log.readAggregate('job', JOB))).toEqual({ status: 'event', position: 1, event: recorded });
  });

  it('answers a repeat of the same event id with the position of the first, also when it carries an expectation', async () => {
    const { log } = await factory();
    const event = cancelRequested();
    await log.append(event, { expect: { scope: 'aggregate', lastPosition: 0 } });
    await log.append(cancelRequested(OTHER_JOB));
    expect(await log.append(event)).toEqual({ position: 1, duplicate: true });
    expect(await log.append(event, { expect: { scope: 'aggregate', lastPosition: 0 } })).toEqual({
      position: 1,
      duplicate: true,
    });
    expect(await log.end()).toBe(2);
  });

  it('creates once: a second first event of an aggregate is a conflict', async () => {
    const { log } = await factory();
    const expectation = { expect: { scope: 'aggregate', lastPosition: 0 } } as const;
    await log.append(cancelRequested(), expectation);
    await log.append(cancelRequested(OTHER_JOB), expectation);
    await expect(log.append(cancelRequested(), expectation)).rejects.toMatchObject({ code: 'append-conflict' });
    expect(await log.end()).toBe(2);
  });

  it('holds an aggregate expectation against every subject of the aggregate and of no other', async () => {
    const { log } = await factory();
    await log.append(cancelRequested());
    await log.append(cancelRequested(OTHER_JOB));
    await log.append(started(1));
    const stale = log.append(cancelRequested(), { expect: { scope: 'aggregate', lastPosition: 1 } });
    await expect(stale).rejects.toMatchObject({ code: 'append-conflict' });
    expect(await log.append(cancelRequested(), { expect: { scope: 'aggregate', lastPosition: 3 } })).toEqual({
      position: 4,
      duplicate: false,
    });
  });

  it('holds a subject expectation against the exact subject only', async () => {
    const { log } = await factory();
    await log.append(cancelRequested());
    expect(await log.append(started(1), { expect: { scope: 'subject', lastPosition: 0 } })).toEqual({
      position: 2,
      duplicate: false,
    });
    await expect(log.append(started(2), { expect: { scope: 'subject', lastPosition: 0 } })).rejects.toMatchObject({
      code: 'append-conflict',
    });
    await log.append(cancelRequested());
    expect(await log.append(started(2), { expect: { scope: 'subject', lastPosition: 2 } })).toEqual({
      position: 4,
      duplicate: false,
    });
  });

  it('lets void messages count for expectations', async () => {
    const { log, root, putRaw } = await factory();
    const position = await putRaw({ subject: `${root}.job.${JOB}.gateway`, data: 'garbage' });
    await expect(
      log.append(cancelRequested(), { expect: { scope: 'aggregate', lastPosition: 0 } }),
    ).rejects.toMatchObject({ code: 'append-conflict' });
    expect(
      await log.append(cancelRequested(), { expect: { scope: 'aggregate', lastPosition: position } }),
    ).toMatchObject({ duplicate: false });
  });

  it('lets exactly one of many appends with the same expectation win', async () => {
    const { log } = await factory();
    const attempts = Array.from({ length: 20 }, () =>
      log.append(cancelRequested(), { expect: { scope: 'aggregate', lastPosition: 0 } }),
    );
    const results = await Promise.allSettled(attempts);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await log.end()).toBe(1);
  });

  it('takes data of exactly the limit and refuses one byte more', async () => {
    const { log } = await factory();
    const words = (size: number): { words: string[] } => ({ words: ['x'.repeat(size - '{"words":[""]}'.length)] });
    await log.append(testEvent(JobSampledV1, JOB, words(EVENT_DATA_LIMIT)));
    await expect(log.append(testEvent(JobSampledV1, JOB, words(EVENT_DATA_LIMIT + 1)))).rejects.toMatchObject({
      code: 'event-too-large',
      status: 413,
    });
    expect(await log.end()).toBe(1);
  });

  it('refuses data or an envelope that breaks the contract, naming the field', async () => {
    const { log } = await factory();
    const wrongData = log.append({ ...started(1), data: { attempt: 0 } });
    await expect(wrongData).rejects.toMatchObject({
      code: 'event-invalid',
      errors: expect.arrayContaining([expect.objectContaining({ path: '/attempt' })]),
    });
    const wrongActor = log.append(cancelRequested(JOB, { actor: 'Somebody' }));
    await expect(wrongActor).rejects.toMatchObject({
      code: 'event-invalid',
      errors: [expect.objectContaining({ path: '/actor' })],
    });
    expect(await log.end()).toBe(0);
  });
}

async function first<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item;
  return undefined;
}
