import { execFile } from 'node:child_process';
import { access, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  EVENTS_STREAM,
  JobExecutedV2,
  JobOrganisedV1,
  JobScoredV1,
  ORGANIZER_DURABLE,
  SCORER_DURABLE,
  type DurableContract,
} from '@anime/contracts';
import { deadLetterIdOf } from '@anime/event-store';
import { unwrap } from '@anime/gateway-client';
import { eventually, spendDeliveries } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

const CLI = fileURLToPath(new URL('../../../../services/cli/dist/main.js', import.meta.url));
/** More than the services allow an event, less one: the next try is the last. */
const TRIES = { [SCORER_DURABLE.name]: 5, [ORGANIZER_DURABLE.name]: 10 };

describe('an event that a service gave up', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    // No score is given up by the clock: what ends a job here is what the test does.
    const env = { ANIME_SCORER_LIMIT_MS: '3600000' };
    studio = await TestStudio.start({ services: ['gateway', 'orchestrator', 'comfyui-executor'], env });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  async function anime(...args: string[]): Promise<string> {
    const env = { ...process.env, ANIME_GATEWAY: studio.service('gateway').url };
    const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], { env });
    return stdout;
  }

  const letter = (id: string) =>
    unwrap(studio.client.GET('/api/anime/dead-letters/{id}', { params: { path: { id } } }));
  const letterIn = async (id: string, state: string) =>
    eventually(
      async () => {
        const { data } = await studio.client.GET('/api/anime/dead-letters/{id}', { params: { path: { id } } });
        return data?.state === state && data;
      },
      { what: `dead letter ${id} is ${state}` },
    );

  /** An executed job whose picture is away; brings it back. */
  async function executedWithoutPicture(seed: number) {
    const jobId = await studio.requestImage({ seed });
    const executed = await studio.happened(jobId, JobExecutedV2, 60_000);
    const { outputs } = executed.data as { outputs: { blob: string }[] };
    const blob = outputs[0]?.blob ?? '';
    const file = path.join(studio.dir, 'blobs', blob.slice(0, 2), blob.slice(2, 4), blob);
    return {
      jobId,
      eventId: executed.id,
      file,
      away: () => rename(file, `${file}.away`),
      back: () => rename(`${file}.away`, file),
    };
  }

  async function lastTry(durable: DurableContract, eventId: string): Promise<void> {
    const times = (TRIES[durable.name] ?? 1) - 1;
    const nc = await studio.log.connected();
    await spendDeliveries(nc, { stream: EVENTS_STREAM, durable: durable.name, eventId, times });
  }

  it('by the scorer keeps its job waiting; mended and replayed, the job completes with scores and files', async () => {
    const job = await executedWithoutPicture(1);
    const organizer = await studio.startService('file-organizer');
    await studio.happened(job.jobId, JobOrganisedV1);
    await organizer.stop();
    await job.away();
    await lastTry(SCORER_DURABLE, job.eventId);
    const scorer = await studio.startService('quality-scorer');
    const id = deadLetterIdOf(SCORER_DURABLE.name, job.eventId);
    const open = await letterIn(id, 'open');
    expect(open.explanation).toMatch(/quality-scorer gave up job\.executed\.v2: .*The job has not ended\./);
    expect(open.event).toMatchObject({ id: job.eventId, type: 'job.executed' });
    expect((await studio.job(job.jobId)).status).toBe('executed');

    await job.back();
    const answer = JSON.parse(await anime('dead-letters', 'replay', id, '--json')) as { position: number };
    expect(answer).toEqual({ deadLetterId: id, position: expect.any(Number) });
    const ended = await studio.ended(job.jobId);
    expect(ended.status).toBe('completed');
    expect(ended.scores).toHaveLength(1);
    for (const file of ended.files) await access(path.join(studio.libraryDir, file.path));
    expect((await letterIn(id, 'settled')).outcome).toBe('handled');
    expect((await studio.events(job.jobId)).filter(({ type }) => type === JobScoredV1.type)).toHaveLength(1);
    await scorer.stop();
  }, 180_000);

  it('by the organizer has failed its job; mended and replayed, the job shows its files and stays failed', async () => {
    const job = await executedWithoutPicture(2);
    await job.away();
    await lastTry(ORGANIZER_DURABLE, job.eventId);
    await studio.startService('file-organizer');
    const failed = await studio.ended(job.jobId);
    expect(failed).toMatchObject({ status: 'failed', failure: { class: 'internal' }, files: [] });
    const id = deadLetterIdOf(ORGANIZER_DURABLE.name, job.eventId);
    expect(await anime('jobs', 'show', job.jobId)).toContain(`dead-letters list --job ${job.jobId}`);
    expect(await anime('dead-letters', 'list', '--job', job.jobId)).toContain(id);
    expect(await anime('dead-letters', 'show', id)).toContain('stays so; what a replay makes is shown with it');

    await job.back();
    await anime('dead-letters', 'replay', id);
    const settled = await letterIn(id, 'settled');
    expect(settled.explanation).toContain('The job has ended as failed and stays so; what the replay made is shown');
    const shown = await eventually(
      async () => {
        const now = await studio.job(job.jobId);
        return now.files.length > 0 && now;
      },
      { what: 'the job shows its files' },
    );
    expect(shown).toMatchObject({
      status: 'failed',
      attempts: [{ organiseFailure: { code: 'blob-not-found' }, organisedAt: expect.any(String) }],
    });
    const output = shown.files.find(({ role }) => role === 'output');
    const filed = await readFile(path.join(studio.libraryDir, output?.path ?? ''));
    expect(Buffer.compare(filed, await readFile(job.file))).toBe(0);
    await expect(anime('dead-letters', 'replay', id)).rejects.toThrow(/settled it; there is nothing left to replay/);
    expect((await letter(id)).trail.map(({ type }) => type)).toEqual([
      'dead-letter.organizer-parked',
      'dead-letter.replayed',
      'dead-letter.organizer-settled',
    ]);
    expect((await studio.rebuildAndCompare()).map(({ rebuilt }) => rebuilt)).toContain('dead-letters');
  }, 180_000);
});
