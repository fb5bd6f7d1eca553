/** @jest-environment ./libs/quality-metrics/jest/onnx-environment.mjs */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FsBlobStore } from '@anime/blob-store';
import {
  DeadLetterScorerParkedV1,
  EVENTS_STREAM,
  JobAttemptLostV1,
  JobScoredV1,
  SCORER_DURABLE,
  type ExecutedOutput,
  type JobExecutedV2,
} from '@anime/contracts';
import {
  deadLetterIdOf,
  openLog,
  provision,
  type EventOf,
  type JetStreamLog,
  type NewEvent,
  type RecordedEvent,
} from '@anime/event-store';
import { eventsOf, executedAttempt, executedOutput, testEvent, TRACE } from '@anime/event-store/testing';
import { JetStreamStrategy } from '@anime/messaging';
import { losingAcknowledgements } from '@anime/messaging/testing';
import { createScorer } from '@anime/quality-metrics';
import { createLogger, readConfig, runService, type RunningService } from '@anime/service-runtime';
import { durableSettled, eventually, publishRaw, useNats } from '@anime/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { composeQualityScorer } from './app.module.js';
import { QualityScorerConfig } from './config.js';
import { consumers } from './consumers.js';
import { scorerBuildOf } from './domain/scoring/scorer-build.js';

const GOLDEN = new URL('../../../libs/quality-metrics/golden/', import.meta.url);
// A wait that fails shall say what it waited for, before Jest's own limit ends the test.
jest.setTimeout(20_000);

const nats = useNats();
const RETRIES = { maxDeliveries: 3, backoffMs: [20] };
let natsUrl: string;
let log: JetStreamLog;
let root: string;
let blobs: FsBlobStore;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  natsUrl = (await nats.server()).url;
  await provision({ natsUrl });
  log = openLog({ natsUrl, name: 'test' });
});
afterAll(async () => log.close());

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'anime-scorer-'));
  blobs = new FsBlobStore(root);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await rm(root, { recursive: true, force: true });
});

async function start(): Promise<RunningService> {
  const env = { NATS_URL: natsUrl, PORT: '0', LOG_LEVEL: 'silent', ANIME_BLOBS_DIR: root };
  const service = await runService(await composeQualityScorer(readConfig(QualityScorerConfig, env), RETRIES));
  stops.push(() => service.stop());
  return service;
}

async function scored(jobId: string): Promise<EventOf<typeof JobScoredV1> & RecordedEvent> {
  return eventually(async () => (await eventsOf(log, JobScoredV1, jobId))[0], { what: `${jobId} is scored` });
}

const settled = async (): Promise<void> => durableSettled(await nats.connection(), EVENTS_STREAM, SCORER_DURABLE.name);

async function appendExecuted(outputs: ExecutedOutput[]): Promise<NewEvent<typeof JobExecutedV2>> {
  const executed = executedAttempt(outputs);
  await log.append(executed);
  return executed;
}

interface GoldenFigures {
  readonly single: Readonly<Record<string, { readonly sharpness: number; readonly colourfulness: number }>>;
}

describe('an executed attempt', () => {
  it('is scored output by output from the pixels, and its fact continues the trail', async () => {
    const golden = JSON.parse(await readFile(new URL('classical.golden.json', GOLDEN), 'utf8')) as GoldenFigures;
    const names = ['face_a', 'face_a_blur3'];
    const pictures = await Promise.all(
      names.map(async (name) => blobs.put(await readFile(new URL(`images/${name}.png`, GOLDEN)))),
    );
    await start();
    const executed = await appendExecuted(pictures.map((blob, index) => executedOutput(blob, { index })));
    const event = await scored(executed.aggregateId);

    expect(event).toMatchObject({
      correlationId: executed.correlationId,
      causationId: executed.id,
      actor: 'service:quality-scorer',
    });
    expect(event.traceparent?.slice(0, 35)).toBe(TRACE.slice(0, 35));
    expect(event.data.scorerBuild).toMatch(/^\d+\.\d+\.\d+\+graph\.[0-9a-f]{8}$/);
    expect(event.data.outputs.map(({ node, index, blob }) => [node, index, blob])).toEqual(
      pictures.map(({ sha256 }, index) => ['7', index, sha256]),
    );
    for (const [index, name] of names.entries()) {
      const metrics = event.data.outputs[index]?.metrics ?? [];
      const values = Object.fromEntries(
        metrics.map((metric) => [metric.id, metric.status === 'measured' ? metric.value : NaN]),
      );
      const expected = golden.single[name];
      expect(values['sharpness']).toBeCloseTo(expected?.sharpness ?? NaN, 6);
      expect(values['colourfulness']).toBeCloseTo(expected?.colourfulness ?? NaN, 6);
      for (const metric of metrics)
        if (metric.status === 'measured')
          expect(event.data.scorerBuild.endsWith(metric.modelSha256?.slice(0, 8) ?? '')).toBe(true);
    }
  });

  it('is not scored when its executor was given up before it reported', async () => {
    const blob = await blobs.put(await readFile(new URL('images/face_a.png', GOLDEN)));
    const given = executedAttempt([executedOutput(blob)]);
    const { attempt, executorId, promptId } = given.data;
    await log.append(testEvent(JobAttemptLostV1, given.aggregateId, { attempt, executorId, promptId }, { epoch: 1 }));
    await log.append(given);
    await start();
    await settled();
    expect(await eventsOf(log, JobScoredV1, given.aggregateId)).toEqual([]);
  });

  it('with an output that cannot be measured is scored all the same: unavailable with the reason, beside what could be', async () => {
    const garbage = await blobs.put(Buffer.from('\x89PNG\r\n\x1a\nand then nothing', 'latin1'));
    const film = await blobs.put(Buffer.from('\0\0\0\x18ftypmp42', 'latin1'));
    const picture = await blobs.put(await readFile(new URL('images/flat_gray128.png', GOLDEN)));
    await start();
    const executed = await appendExecuted([
      executedOutput(garbage),
      executedOutput(film, { node: '8', mediaType: 'video/mp4', kind: 'animation' }),
      executedOutput(picture, { node: '9' }),
    ]);
    const { outputs } = (await scored(executed.aggregateId)).data;
    expect(outputs.map(({ metrics }) => metrics.map(({ id, status }) => [id, status]))).toEqual([
      [
        ['sharpness', 'unavailable'],
        ['colourfulness', 'unavailable'],
      ],
      [
        ['sharpness', 'unavailable'],
        ['colourfulness', 'unavailable'],
      ],
      [
        ['sharpness', 'measured'],
        ['colourfulness', 'measured'],
      ],
    ]);
    expect(outputs[0]?.metrics[0]).toMatchObject({ reason: expect.stringContaining('cannot be decoded') });
    expect(outputs[1]?.metrics[0]).toMatchObject({
      reason: expect.stringContaining('video/mp4'),
      enabledBy: expect.any(String),
    });
  });
});

describe('redelivery', () => {
  it('after a lost acknowledgement leaves one fact of this build; another build adds its own', async () => {
    const picture = await blobs.put(await readFile(new URL('images/gradient_rgb.png', GOLDEN)));
    const executed = await appendExecuted([executedOutput(picture)]);
    await using scorer = await createScorer();
    const deps = {
      log,
      blobs,
      scorer,
      scorerBuild: scorerBuildOf('0.1.0', scorer.graphSha256),
      now: () => new Date().toISOString(),
    };
    const { table, deliveries } = losingAcknowledgements(consumers(deps, RETRIES), executed.aggregateId, 2);
    const strategy = new JetStreamStrategy({
      log,
      table,
      service: 'quality-scorer',
      logger: createLogger('test', { level: 'silent' }),
    });
    stops.push(() => strategy.close());
    strategy.listen(() => undefined);
    await eventually(() => deliveries.length === 3, { what: 'three deliveries' });
    await settled();
    expect(deliveries).toEqual([1, 2, 3]);
    expect(await eventsOf(log, JobScoredV1, executed.aggregateId)).toHaveLength(1);

    const recorded = await log.lastOnSubject(executed.contract, executed.aggregateId);
    if (recorded?.status !== 'event') throw new Error('executed is not there');
    const [row] = consumers(deps, RETRIES);
    const [newer] = consumers({ ...deps, scorerBuild: scorerBuildOf('0.2.0', scorer.graphSha256) }, RETRIES);
    if (row?.kind !== 'reactor' || newer?.kind !== 'reactor') throw new Error('not reactors');
    expect(await row.isCurrent?.(recorded.event)).toBe(false);
    await publishRaw((await nats.server()).port, {
      subject: `${log.root}.job.${executed.aggregateId}.quality-scorer`,
      headerBlock: 'NATS/1.0\r\n\r\n',
      data: 'garbage',
    });
    await eventually(async () => (await log.lastOnSubject(JobScoredV1, executed.aggregateId))?.status === 'void', {
      what: 'garbage is stored behind the scores',
    });
    expect(await row.isCurrent?.(recorded.event)).toBe(false);
    expect(await newer.isCurrent?.(recorded.event)).toBe(true);
    await newer.handle(recorded.event, { deliveries: 1, signal: new AbortController().signal });
    expect(await eventsOf(log, JobScoredV1, executed.aggregateId)).toHaveLength(2);
  });
});

describe('a missing blob', () => {
  it('parks the event after the last delivery, as a dead letter, and pretends no score', async () => {
    const missing = { sha256: 'd'.repeat(64), size: 10 };
    await start();
    const executed = await appendExecuted([executedOutput(missing)]);
    const letterId = deadLetterIdOf(SCORER_DURABLE.name, executed.id);
    const letter = await eventually(async () => (await eventsOf(log, DeadLetterScorerParkedV1, letterId))[0], {
      what: 'a dead letter',
    });
    expect(letter.data).toEqual({
      consumer: SCORER_DURABLE.name,
      eventId: executed.id,
      eventName: 'job.executed.v2',
      aggregateId: executed.aggregateId,
      error: { code: 'blob-not-found', message: expect.stringContaining(missing.sha256) },
      deliveries: RETRIES.maxDeliveries,
    });
    await settled();
    expect(await eventsOf(log, JobScoredV1, executed.aggregateId)).toEqual([]);
  });
});

describe('the service', () => {
  it('is ready when log, durable and model session are there, and names the durable when it is missing', async () => {
    const service = await start();
    const report = async (): Promise<{
      ready: boolean;
      checks: { name: string; ok: boolean; reason: string | null }[];
    }> => (await fetch(new URL('/ready', service.url))).json() as never;
    await eventually(async () => (await report()).ready, { what: 'ready' });
    expect((await report()).checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['log', true],
      ['consumers', true],
      ['model session', true],
    ]);
    await service.stop();

    const connection = await nats.connection();
    await connection.request(`$JS.API.CONSUMER.DELETE.ANIME_EVENTS.${SCORER_DURABLE.name}`);
    const without = await start();
    const reason = await eventually(
      async () => {
        const body = (await (await fetch(new URL('/ready', without.url))).json()) as {
          checks: { name: string; reason: string | null }[];
        };
        return body.checks.find(({ name, reason: why }) => name === 'consumers' && why?.includes('consumers create'))
          ?.reason;
      },
      { what: 'the missing durable is named' },
    );
    expect(reason).toContain(SCORER_DURABLE.name);
  });
});
