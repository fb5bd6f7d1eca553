import { describe, expect, it } from '@jest/globals';
import { MemoryLog } from '../memory/memory-log.js';
import type { Appended, Expectation } from '../event-log.js';
import type { EventMeta, NewEvent } from '../event.js';
import { uuidv7 } from '../ids.js';
import { collect } from '../testing/collect.js';
import { cancelRequested, JOB, outline, started, termStarted } from '../testing/conformance/samples.js';
import { counterDecider, type CounterCommand } from '../testing/counter-decider.js';
import { AggregateCache } from './aggregate-cache.js';
import { handleCommand } from './handle-command.js';

function meta(epoch?: number): EventMeta {
  const id = uuidv7();
  return { id, time: '2026-01-02T03:04:05.678Z', correlationId: id, actor: 'service:gateway', epoch };
}

function request(type: CounterCommand['type'], own: EventMeta = meta()) {
  return { aggregate: 'job' as const, aggregateId: JOB, command: { type }, meta: own };
}

/** A log in which somebody else is faster: `rival` comes before each of the first `times` appends. */
class RivalLog extends MemoryLog {
  constructor(
    private readonly rival: () => NewEvent,
    private times: number,
  ) {
    super();
  }

  override async append(
    event: NewEvent,
    options: { readonly expect?: Expectation | undefined } = {},
  ): Promise<Appended> {
    if (options.expect !== undefined && this.times > 0) {
      this.times -= 1;
      await super.append(this.rival());
    }
    return super.append(event, options);
  }
}

describe('handleCommand', () => {
  it('appends what was decided, and says where', async () => {
    const log = new MemoryLog();
    expect(await handleCommand(log, counterDecider, request('cancel'))).toMatchObject({
      appended: { position: 1, duplicate: false },
    });
    expect(await handleCommand(log, counterDecider, request('cancel-if-none'))).toEqual({
      decision: { kind: 'nothing' },
      state: { cancels: 1, attempts: [] },
    });
    expect(await log.end()).toBe(1);
  });

  it('makes a refusal a problem of its code', async () => {
    const log = new MemoryLog();
    for (let n = 0; n < 3; n += 1) await log.append(cancelRequested());
    await expect(handleCommand(log, counterDecider, request('cancel'))).rejects.toMatchObject({
      code: 'job-ended',
      status: 409,
      message: 'it was cancelled three times',
    });
    const unknown = {
      ...counterDecider,
      decide: () => ({ kind: 'refused' as const, code: 'no-such-code', message: 'no' }),
    };
    await expect(handleCommand(log, unknown, request('cancel'))).rejects.toMatchObject({ code: 'internal' });
  });

  it('takes in what came in between and decides again', async () => {
    const log = new RivalLog(() => cancelRequested(), 1);
    expect(await handleCommand(log, counterDecider, request('cancel-if-none'))).toEqual({
      decision: { kind: 'nothing' },
      state: { cancels: 1, attempts: [] },
    });
    const behindFact = new RivalLog(() => started(1), 2);
    expect(await handleCommand(behindFact, counterDecider, request('cancel'))).toMatchObject({
      appended: { position: 3 },
    });
  });

  it('gives up after five tries with append-conflict', async () => {
    const log = new RivalLog(() => started(1), 99);
    await expect(handleCommand(log, counterDecider, request('cancel'))).rejects.toMatchObject({
      code: 'append-conflict',
    });
    expect(await log.end()).toBe(5);
  });

  it('creates once without reading, and decides on what is there when something is', async () => {
    const log = new MemoryLog();
    expect(await handleCommand(log, counterDecider, { ...request('cancel-if-none'), createOnce: true })).toMatchObject({
      appended: { position: 1 },
    });
    expect(await handleCommand(log, counterDecider, { ...request('cancel-if-none'), createOnce: true })).toEqual({
      decision: { kind: 'nothing' },
      state: { cancels: 1, attempts: [] },
    });
  });

  it('answers a repeated command with the position of its event, stored once', async () => {
    const log = new MemoryLog();
    const own = meta();
    await handleCommand(log, counterDecider, request('cancel', own));
    expect(await handleCommand(log, counterDecider, request('cancel', own))).toMatchObject({
      appended: { position: 1, duplicate: true },
    });
    expect(await log.end()).toBe(1);
  });

  it('keeps a cache right through own and others’ events, repeats and decisions under a term', async () => {
    const log = new MemoryLog();
    const cache = new AggregateCache(log, counterDecider, 'job');
    const own = meta();
    for (const each of [own, own, meta(1)])
      await handleCommand(log, counterDecider, { ...request('cancel', each), cache });
    await log.append(started(1));
    expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 2, attempts: [1] }, position: 3 });
    expect(outline(await collect(log.readAggregate('job', JOB)))).toEqual(['1 event', '2 event', '3 event']);
  });

  it('counts the event of a repeated command once in a cache that has seen it already', async () => {
    const log = new MemoryLog();
    const cache = new AggregateCache(log, counterDecider, 'job');
    const own = meta();
    for (const each of [own, own]) await handleCommand(log, counterDecider, { ...request('cancel', each), cache });
    expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 1 }, position: 1 });
  });

  it('does not let a cache believe in a decision whose term had ended', async () => {
    const log = new MemoryLog();
    await log.append(termStarted(2));
    const cache = new AggregateCache(log, counterDecider, 'job');
    await handleCommand(log, counterDecider, { ...request('cancel', meta(1)), cache });
    expect(outline(await collect(log.readAggregate('job', JOB)))).toEqual(['2 fenced']);
    expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 0 }, position: 2 });
    await handleCommand(log, counterDecider, { ...request('cancel', meta(2)), cache });
    expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 1 }, position: 3 });
  });
});
