import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FsBlobStore } from '@anime/blob-store';
import {
  DeadLetterReplayedV1,
  DeadLetterScorerParkedV1,
  DeadLetterScorerSettledV1,
  EVENTS_STREAM,
  JobScoredV1,
  SCORER_DURABLE,
} from '@anime/contracts';
import { createDurable, deadLetterIdOf, openLog, provision, sha256Hex, type JetStreamLog } from '@anime/event-store';
import { eventsOf, executedAttempt, executedOutput, testEvent } from '@anime/event-store/testing';
import { durableSettled, eventually, replaceByPipe, spawnService, spendDeliveries, useNats } from '@anime/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { RETRIES } from './consumers.js';

const ENTRY = path.join(import.meta.dirname, '..', 'dist', 'main.js');
const PICTURE = new URL('../../../libs/quality-metrics/golden/images/face_a.png', import.meta.url);
const nats = useNats();
let natsUrl: string;
let log: JetStreamLog;
let root: string;

beforeAll(async () => {
  natsUrl = (await nats.server()).url;
  await provision({ natsUrl, durables: [] });
  // A short ack wait, so that what a killed process held comes back at once.
  await createDurable(SCORER_DURABLE.name, { natsUrl, from: 'start', ackWaitMs: 1_000 });
  log = openLog({ natsUrl, name: 'test' });
});
afterAll(async () => log.close());

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'anime-scorer-'));
});
afterEach(async () => rm(root, { recursive: true, force: true }));

const scored = (jobId: string) => eventsOf(log, JobScoredV1, jobId);

describe('the quality-scorer process', () => {
  it('killed while it measures gives one score after its restart', async () => {
    const blobs = new FsBlobStore(root);
    const picture = await readFile(PICTURE);
    const blob = await blobs.put(picture);
    const pipe = await replaceByPipe(root, blob.sha256);
    await using service = await spawnService({
      entry: ENTRY,
      env: { NATS_URL: natsUrl, ANIME_BLOBS_DIR: root, LOG_LEVEL: 'warn' },
    });
    const executed = executedAttempt([executedOutput(blob)]);
    await log.append(executed);
    const writing = await pipe.opened();
    await writing.write(picture.subarray(0, 1_000));
    await service.kill('SIGKILL');
    await writing.close();
    expect(await scored(executed.aggregateId)).toEqual([]);

    await rm(pipe.file);
    await blobs.put(picture);
    await service.restart();
    await eventually(async () => (await scored(executed.aggregateId)).length > 0, {
      what: 'the attempt is scored',
    });
    // Another job through the same process: when it is done, a second fact of the first would have come.
    const next = executedAttempt([executedOutput(blob)]);
    await log.append(next);
    await eventually(async () => (await scored(next.aggregateId)).length > 0, { what: 'the next attempt is scored' });
    const facts = await scored(executed.aggregateId);
    expect(facts).toHaveLength(1);
    expect(facts[0]?.data.outputs[0]?.metrics.map((metric) => metric.status)).toEqual(['measured', 'measured']);
    expect(await service.stop()).toEqual({ code: 0, signal: null });
  }, 60_000);

  it('killed in the middle of a replay gives one score and one answer after its restart', async () => {
    const blobs = new FsBlobStore(root);
    const picture = await readFile(PICTURE);
    const blob = { sha256: sha256Hex(picture), size: picture.byteLength };
    const executed = executedAttempt([executedOutput(blob)]);
    const { id: eventId, aggregateId } = executed;
    const letterId = deadLetterIdOf(SCORER_DURABLE.name, eventId);

    // The picture is not there when the event is tried for the last time.
    await log.append(executed);
    const times = RETRIES.maxDeliveries - 1;
    const durable = SCORER_DURABLE.name;
    await spendDeliveries(await nats.connection(), { stream: EVENTS_STREAM, durable, eventId, times });
    await using service = await spawnService({
      entry: ENTRY,
      env: { NATS_URL: natsUrl, ANIME_BLOBS_DIR: root, LOG_LEVEL: 'silent' },
    });
    await eventually(async () => (await eventsOf(log, DeadLetterScorerParkedV1, letterId)).length > 0, {
      what: 'it is given up',
    });

    await blobs.put(picture);
    const { file, opened } = await replaceByPipe(root, blob.sha256);
    const eventName = executed.contract.name;
    const givenUp = { consumer: SCORER_DURABLE.name, eventId, eventName, aggregateId };
    const replayed = testEvent(DeadLetterReplayedV1, letterId, givenUp);
    await log.append(replayed);
    const writing = await opened();
    await writing.write(picture.subarray(0, 1_000));
    await service.kill('SIGKILL');
    await writing.close();
    expect(await scored(aggregateId)).toEqual([]);

    await rm(file);
    await blobs.put(picture);
    await service.restart();
    const [answer] = await eventually(
      async () => {
        const answers = await eventsOf(log, DeadLetterScorerSettledV1, letterId);
        return answers.length > 0 && answers;
      },
      { what: 'the replay is settled' },
    );
    expect(answer?.data).toMatchObject({ replayId: replayed.id, outcome: 'handled' });
    await durableSettled(await nats.connection(), EVENTS_STREAM, SCORER_DURABLE.name);
    expect(await scored(aggregateId)).toHaveLength(1);
    expect(await eventsOf(log, DeadLetterScorerSettledV1, letterId)).toHaveLength(1);
    expect(await eventsOf(log, DeadLetterScorerParkedV1, letterId)).toHaveLength(1);
    expect(await service.stop()).toEqual({ code: 0, signal: null });
  }, 60_000);
});
