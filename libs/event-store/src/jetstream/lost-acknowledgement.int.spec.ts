import { describe, expect, it } from '@jest/globals';
import { eventually, freePort, useNats } from '@anime/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, nanos } from '@nats-io/transport-node';
import { cancelRequested, JOB } from '../testing/conformance/samples.js';
import { useStudios, type Studio } from '../testing/jetstream/studio.js';
import { startTcpProxy, type TcpProxy } from '../testing/jetstream/tcp-proxy.js';
import { openLog, type JetStreamLog } from './jetstream-log.js';

const nats = useNats();
const newStudio = useStudios(nats);
const CREATE_ONCE = { expect: { scope: 'aggregate', lastPosition: 0 } } as const;

async function behindProxy(): Promise<{ studio: Studio; proxy: TcpProxy; log: JetStreamLog }> {
  const studio = await newStudio();
  const proxy = await startTcpProxy((await nats.server()).port);
  const log = studio.open({ natsUrl: proxy.url, ackTimeoutMs: 300 });
  await log.connected();
  return { studio, proxy, log };
}

describe('an acknowledgement that is lost', () => {
  it('because the connection broke behind the message: the append is a success, stored once', async () => {
    const { studio, proxy, log } = await behindProxy();
    await using _ = proxy;
    for (const [index, expectation] of [{}, CREATE_ONCE].entries()) {
      const event = cancelRequested(index === 0 ? undefined : studioJob(studio));
      proxy.cutAtAnswerTo(`HPUB ${studio.root}.job.${event.aggregateId}`);
      expect(await log.append(event, expectation)).toEqual({ position: index + 1, duplicate: true });
    }
    expect(await log.end()).toBe(2);
  });

  it('because it never comes: the append is sent again until it is answered, stored once', async () => {
    const { proxy, log } = await behindProxy();
    await using _ = proxy;
    const event = cancelRequested();
    proxy.swallowAnswers();
    const appending = log.append(event, CREATE_ONCE);
    const direct = openLog({ natsUrl: (await nats.server()).url, name: 'direct', stream: log.stream, root: log.root });
    await eventually(async () => (await direct.end()) === 1, { what: 'the event is stored' });
    proxy.release();
    expect(await appending).toEqual({ position: 1, duplicate: true });
    expect(await direct.end()).toBe(1);
    await direct.close();
  });

  it('for good: log-unavailable with a time to retry, and the repeat of the command finds the event', async () => {
    const { proxy, log } = await behindProxy();
    await using _ = proxy;
    const event = cancelRequested();
    proxy.swallowAnswers();
    await expect(log.append(event, CREATE_ONCE)).rejects.toMatchObject({
      code: 'log-unavailable',
      status: 503,
      retryAfter: 2,
      message: expect.stringContaining('it may be stored all the same'),
    });
    proxy.release();
    expect(await log.append(event, CREATE_ONCE)).toEqual({ position: 1, duplicate: true });
  });
});

describe('a repeat of an append that carried an expectation', () => {
  it('is success also when the server answers 10071, as the event with our own id is found in the log', async () => {
    const studio = await newStudio();
    const manager = await jetstreamManager(studio.nc);
    // A short memory for ids makes 2.11 answer as 2.15 always does: the expectation is checked, not the id.
    await manager.streams.update(studio.stream, { duplicate_window: nanos(100) });
    const log = studio.open();
    const event = cancelRequested();
    await log.append(event, CREATE_ONCE);
    await log.append(cancelRequested());
    const probe = { msgID: 'probe' };
    await jetstream(studio.nc).publish(`${studio.root}.probe`, '', probe);
    const forgotten = async (): Promise<boolean> =>
      !(await jetstream(studio.nc).publish(`${studio.root}.probe`, '', probe)).duplicate;
    await eventually(forgotten, { what: 'the server has forgotten the ids' });
    const raw = jetstream(studio.nc).publish(`${studio.root}.job.${JOB}.gateway`, '', {
      msgID: event.id,
      expect: { lastSubjectSequence: 0, lastSubjectSequenceSubject: `${studio.root}.job.${JOB}.>` },
    });
    await expect(raw).rejects.toMatchObject({ code: 10071 });
    expect(await log.append(event, CREATE_ONCE)).toEqual({ position: 1, duplicate: true });
    await expect(log.append(cancelRequested(), CREATE_ONCE)).rejects.toMatchObject({
      code: 'append-conflict',
      message: expect.stringContaining('found position 2'),
    });
  });

  it('is answered with duplicate by a server that still knows the id (2.11)', async () => {
    const studio = await newStudio();
    const log = studio.open();
    const event = cancelRequested();
    await log.append(event, CREATE_ONCE);
    const repeat = await jetstream(studio.nc).publish(`${studio.root}.job.${JOB}.gateway`, '', {
      msgID: event.id,
      expect: { lastSubjectSequence: 0, lastSubjectSequenceSubject: `${studio.root}.job.${JOB}.>` },
    });
    expect(repeat).toMatchObject({ duplicate: true, seq: 1 });
  });
});

describe('the order of the expectation headers', () => {
  it('decides on 2.11: the subject before the sequence is accepted unchecked, while our append is refused', async () => {
    const studio = await newStudio();
    const log = studio.open();
    await log.append(cancelRequested());
    const filter = `${studio.root}.job.${JOB}.>`;
    const publish = (fields: [string, string][]): Promise<unknown> => {
      const block = headers();
      for (const [name, value] of fields) block.set(name, value);
      return jetstream(studio.nc).publish(`${studio.root}.job.${JOB}.gateway`, '', { headers: block });
    };
    const sequence: [string, string] = ['Nats-Expected-Last-Subject-Sequence', '0'];
    const subject: [string, string] = ['Nats-Expected-Last-Subject-Sequence-Subject', filter];
    await expect(publish([sequence, subject])).rejects.toMatchObject({ code: 10071 });
    expect(await publish([subject, sequence])).toMatchObject({ seq: 2 });
    await expect(log.append(cancelRequested(), CREATE_ONCE)).rejects.toMatchObject({ code: 'append-conflict' });
    expect(await log.end()).toBe(2);
  });
});

describe('a server that is away', () => {
  it('fails an append and a read within two seconds with log-unavailable and the reason', async () => {
    const log = openLog({ natsUrl: `nats://127.0.0.1:${await freePort()}`, name: 'test' });
    const began = performance.now();
    const away = { code: 'log-unavailable', retryAfter: 2, message: expect.stringMatching(/refused|not connected/i) };
    await Promise.all([
      expect(log.append(cancelRequested())).rejects.toMatchObject(away),
      expect(log.lastOfAggregate('job', JOB)).rejects.toMatchObject(away),
      expect(log.end()).rejects.toMatchObject(away),
    ]);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(log.state()).toMatchObject({ connected: false, reason: expect.any(String) });
    await log.close();
  });

  it('says that the stream is missing, and to provision', async () => {
    const { open } = await newStudio();
    const log = open({ root: 'nobody' });
    await expect(log.append(cancelRequested())).rejects.toMatchObject({
      code: 'log-unavailable',
      message: expect.stringMatching(/provision(?!.*may be stored)/),
    });
  });
});

function studioJob(studio: Studio): string {
  return `00000000-0000-7000-8000-${studio.stream.replace(/\D/g, '').padStart(12, '0')}`;
}
