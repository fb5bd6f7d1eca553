import { mkdtemp, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FsBlobStore } from '@anime/blob-store';
import {
  JobAcceptedV3,
  JobCancelledV1,
  JobCancelRequestedV1,
  JobCancelRequestedV2,
  JobCompletedV1,
  JobFailedV1,
  JobRejectedV1,
  JobRequestedV3,
  JobRetryRequestedV1,
  JobScoredV1,
  WorkflowRegisteredV2,
  type EventData,
  type JobLimits,
} from '@anime/contracts';
import { deriveId, uuidv7, workflowIdOf, type LogEntry } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { newerEvent, testEvent } from '@anime/event-store/testing';
import { FileSubjectKeys } from '@anime/sealed-fields';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { readTemplateFolder, type TemplateFile } from '../templates/template-files.js';
import { TemplateRegistry } from '../templates/template-registry.js';
import { jobIdOfKey } from './idempotency.js';
import { JobCommands } from './job-commands.js';
import { ProjectCommands } from './project-commands.js';
import { QueueLimits } from './queue-limit.js';
import { registerTemplate } from './register-template.js';

const WORKFLOWS = fileURLToPath(new URL('../../../../workflows', import.meta.url));
const NOW = '2026-01-01T00:00:00.000Z';
const ACTOR = deriveId('018f0000-0000-7000-8000-000000000001', 'actor/local');
const ORIGIN = { actor: ACTOR };
const SCORED: EventData<typeof JobScoredV1>['outputs'][number] = {
  node: '9',
  index: 0,
  blob: 'a'.repeat(64),
  metrics: [{ status: 'unavailable', id: 'aesthetic', version: '1', reason: 'no model' }],
};

let folder: string;
let log: MemoryLog;
let blobs: FsBlobStore;
let keys: FileSubjectKeys;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-'));
  log = new MemoryLog();
  blobs = new FsBlobStore(join(folder, 'blobs'));
  keys = new FileSubjectKeys(join(folder, 'keys'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const register = (template: TemplateFile) =>
  registerTemplate({ log, blobs, studio: 'studio', now: () => NOW }, template);

/** A small picture of this format. */
function picture(format: 'png' | 'jpeg'): Promise<Buffer> {
  const background = { r: 200, g: 40, b: 90 };
  return sharp({ create: { width: 16, height: 8, channels: 3, background } })
    .toFormat(format)
    .toBuffer();
}

async function entries(): Promise<LogEntry[]> {
  const found: LogEntry[] = [];
  for await (const entry of log.read({ after: 0 })) found.push(entry);
  return found;
}

async function builtIn(): Promise<readonly TemplateFile[]> {
  const { templates, faults } = await readTemplateFolder(WORKFLOWS);
  expect(faults).toEqual([]);
  return templates;
}

describe('the built-in templates', () => {
  it('are registered once, however often and from however many gateways at a time', async () => {
    const templates = await builtIn();
    await Promise.all([...templates, ...templates].map(register));
    for (const template of templates) await register(template);
    const names = (await entries()).map((entry) => entry.status === 'event' && entry.event.type);
    expect(names).toEqual(templates.map(() => 'workflow.registered'));
  });

  it('are refused when their content changed under a registered version', async () => {
    const [template] = await builtIn();
    if (template === undefined) throw new Error('no template');
    await register(template);
    const changed = { ...template, manifest: { ...template.manifest, vramGb: template.manifest.vramGb + 1 } };
    await expect(register(changed)).rejects.toMatchObject({
      code: 'template-changed',
      message: expect.stringMatching(/manifest.*v2/),
    });
    expect(await log.end()).toBe(1);
  });

  it('carry the graph that needs less memory, and are refused when only that changed', async () => {
    const template = (await builtIn()).find(({ lowMemory }) => lowMemory !== undefined);
    if (template?.lowMemory === undefined) throw new Error('no template for less memory');
    const { lowMemory } = await register(template);
    expect(lowMemory?.graph).toEqual({ inline: template.lowMemory });
    const changed = structuredClone(template.lowMemory);
    for (const node of Object.values(changed)) if ('tile_size' in node.inputs) node.inputs['tile_size'] = 128;
    await expect(register({ ...template, lowMemory: changed })).rejects.toMatchObject({
      code: 'template-changed',
      message: expect.stringMatching(/the low-memory graph of image-to-image@1/),
    });
  });

  it('carry a graph of more than 64 KiB as a blob', async () => {
    const [template] = await builtIn();
    if (template === undefined) throw new Error('no template');
    const graph = structuredClone(template.graph);
    graph['note'] = { class_type: 'Note', inputs: { text: 'x'.repeat(70_000) } };
    await register({ ...template, graph });
    const last = await log.lastOfAggregate('workflow', workflowIdOf('studio', template.manifest.id));
    const data = last?.status === 'event' ? WorkflowRegisteredV2.data.parse(last.event.data) : undefined;
    const body = data?.graph;
    if (body === undefined || !('blob' in body)) throw new Error('the graph is not a blob');
    expect(JSON.parse(Buffer.from(await blobs.get(body.blob)).toString())).toEqual(graph);
  });

  it('that are not sound are left out and named, the others are not', async () => {
    const copy = join(folder, 'workflows');
    await cp(WORKFLOWS, copy, { recursive: true });
    const path = join(copy, 'text-to-image', 'v1', 'manifest.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"version": 1', '"version": 7'));
    const { templates, faults } = await readTemplateFolder(copy);
    expect(templates.map(({ manifest }) => manifest.id)).not.toContain('text-to-image');
    expect(templates.length).toBeGreaterThan(0);
    expect(faults).toEqual([
      expect.stringMatching(/^text-to-image\/v1: the manifest names text-to-image@7, its folder text-to-image@1/),
    ]);
  });
});

describe('the commands of jobs', () => {
  const queueLimits = new QueueLimits({
    limit: 100,
    countWaiting: async () => ({ count: 0, position: 0 }),
    clock: () => 0,
  });
  const projectsOver = (templates: TemplateRegistry) =>
    new ProjectCommands({ log, studio: 'studio', templates, now: () => NOW, clock: () => 0 });
  async function commands(
    checkpoint?: string,
    endInReadModel: () => Promise<'completed' | 'failed' | undefined> = async () => undefined,
    limits = queueLimits,
  ): Promise<JobCommands> {
    const templates = new TemplateRegistry();
    for (const template of await builtIn()) templates.add({ data: await register(template) });
    templates.markCaughtUp();
    const projects = projectsOver(templates);
    await projects.create({ slug: 'demo-film', title: 'Demo film', settings: {} }, ORIGIN);
    const deps = { log, blobs, templates, projects, checkpoint, queueLimits: limits, keys, endInReadModel };
    return new JobCommands({ ...deps, now: () => NOW });
  }
  const FACTS = { time: NOW, correlationId: ACTOR, actor: 'service:orchestrator' };

  it('store a request with every parameter resolved and a drawn seed', async () => {
    const jobs = await commands('studio.safetensors');
    const submitted = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox', width: 512 } }, ORIGIN);
    expect(submitted.position).toBe(await log.end());
    const last = await log.lastOfAggregate('job', submitted.jobId);
    expect(last).toMatchObject({
      status: 'event',
      event: {
        type: 'job.requested',
        actor: ACTOR,
        time: NOW,
        data: {
          project: null,
          seedSource: 'drawn',
          parameters: { prompt: 'a fox', width: 512, checkpoint: 'studio.safetensors' },
        },
      },
    });
    expect(last?.status === 'event' && last.event.correlationId === last.event.id).toBe(true);
    expect(Number.isSafeInteger(submitted.job.seed)).toBe(true);
  });

  it('with a key ask once, however often and how many at a time they are sent', async () => {
    const jobs = await commands();
    const command = { type: 'image', parameters: { prompt: 'a fox', width: 512 }, idempotencyKey: 'k-1' } as const;
    const [first, ...others] = await Promise.all([command, command, command].map((each) => jobs.submit(each, ORIGIN)));
    const { jobId, position, job } = first!;
    expect([first, ...others].filter((each) => each?.replayed === false)).toHaveLength(1);
    await log.append(testEvent(JobCompletedV1, jobId, { attempt: 1, verdict: 'passed' }));
    const again = await jobs.submit({ ...command, parameters: { width: 512, prompt: 'a fox' } }, ORIGIN);
    for (const each of [...others, again]) expect(each).toMatchObject({ jobId, position, job });
    expect(again.replayed).toBe(true);
    const requests = (await entries()).filter((e) => e.status === 'event' && e.event.type === JobRequestedV3.type);
    expect(requests).toHaveLength(1);
  });

  it.each([
    ['without a key', undefined],
    ['with a key', 'k-1'],
  ])('%s begin a job only while nothing stands on any subject of it', async (_how, idempotencyKey) => {
    const jobs = await commands();
    const append = log.append.bind(log);
    // Whatever looked at the job before has seen nothing of it.
    log.append = async (event, options) => {
      await log.putRaw({ subject: `anime.job.${event.aggregateId}.orchestrator`, data: 'garbage' });
      return append(event, options);
    };
    const command = { type: 'image', parameters: { prompt: 'a fox' }, idempotencyKey } as const;
    await expect(jobs.submit(command, ORIGIN)).rejects.toMatchObject({ code: 'append-conflict' });
    expect((await entries()).at(-1)).toMatchObject({ status: 'void' });
  });

  it('are answered as the first time when the same key is sent many times at once and one more job may wait', async () => {
    const one = new QueueLimits({ limit: 1, countWaiting: async () => ({ count: 0, position: 0 }), clock: () => 0 });
    const jobs = await commands(undefined, undefined, one);
    const command = { type: 'image', parameters: { prompt: 'a fox' }, idempotencyKey: 'k-1' } as const;
    const answers = await Promise.all(Array.from({ length: 6 }, () => jobs.submit(command, ORIGIN)));
    expect(new Set(answers.map(({ jobId }) => jobId)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    await expect(jobs.submit({ ...command, idempotencyKey: 'k-2' }, ORIGIN)).rejects.toMatchObject({
      code: 'queue-full',
    });
  });

  it('are answered from the log although their template is gone, when their key has asked before', async () => {
    const command = { type: 'image', parameters: { prompt: 'a fox' }, idempotencyKey: 'k-1' } as const;
    const { jobId } = await (await commands()).submit(command, ORIGIN);
    const templates = new TemplateRegistry();
    templates.markCaughtUp();
    const none = { blobs, templates, queueLimits, keys, checkpoint: undefined, endInReadModel: async () => undefined };
    const jobs = new JobCommands({ log, projects: projectsOver(templates), now: () => NOW, ...none });
    expect(await jobs.submit(command, ORIGIN)).toMatchObject({ jobId, replayed: true });
    await expect(jobs.submit({ ...command, idempotencyKey: 'k-2' }, ORIGIN)).rejects.toMatchObject({
      code: 'template-not-found',
    });
  });

  it.each([
    ['prompt', { parameters: { prompt: 'a wolf' } }],
    ['type', { type: 'video' }],
    ['template', { template: 'text-to-image' }],
    ['project', { project: 'demo-film' }],
    ['limits', { limits: { maxAttempts: 1 } }],
  ] as const)('refuse a key that asked for another %s', async (_what, change) => {
    const jobs = await commands();
    const command = { type: 'image', parameters: { prompt: 'a fox' }, idempotencyKey: 'k-1' } as const;
    await jobs.submit(command, ORIGIN);
    const before = await log.end();
    await expect(jobs.submit({ ...command, ...change }, ORIGIN)).rejects.toMatchObject({
      code: 'idempotency-key-reused',
      status: 422,
      errors: [{ path: 'header/idempotency-key' }],
    });
    expect(await log.end()).toBe(before);
    const other = { ...command, idempotencyKey: 'k-2' } as const;
    expect(await jobs.submit(other, ORIGIN)).toMatchObject({ replayed: false });
  });

  it('leave a key to a newer build when only that one can read what it asked for', async () => {
    const jobs = await commands();
    await log.append(newerEvent(JobRequestedV3, jobIdOfKey(ACTOR, 'k-1')));
    const command = { type: 'image', parameters: { prompt: 'a fox' }, idempotencyKey: 'k-1' } as const;
    await expect(jobs.submit(command, ORIGIN)).rejects.toMatchObject({ code: 'newer-contract' });
  });

  it('carry the correlation id that the caller gave', async () => {
    const correlationId = uuidv7();
    const { jobId } = await (
      await commands()
    ).submit({ type: 'image', parameters: { prompt: 'a fox' } }, { ...ORIGIN, correlationId });
    expect(await log.lastOfAggregate('job', jobId)).toMatchObject({ event: { correlationId } });
  });

  it('name every parameter that the template does not take, and store nothing', async () => {
    const jobs = await commands();
    const before = await log.end();
    await expect(
      jobs.submit({ type: 'image', parameters: { prompt: 'a fox', frames: 8, steps: 9_999 } }, ORIGIN),
    ).rejects.toMatchObject({
      code: 'parameter-invalid',
      errors: [{ path: '/frames' }, { path: '/steps' }],
    });
    expect(await log.end()).toBe(before);
  });

  it('store the wish to cancel an open job, and refuse that of one that ended or never was', async () => {
    const jobs = await commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    const { position } = await jobs.cancel(jobId, undefined, ORIGIN);
    expect(await log.lastOfAggregate('job', jobId)).toMatchObject({
      position,
      event: { type: 'job.cancel-requested' },
    });
    await expect(jobs.cancel(uuidv7(), undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-not-found' });
    await log.append({
      ...FACTS,
      id: uuidv7(),
      contract: JobCompletedV1,
      aggregateId: jobId,
      data: { attempt: 1, verdict: 'passed' },
    });
    await expect(jobs.cancel(jobId, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-ended' });
  });

  it('seal the reason of a cancel with the key of whoever asks, and store nothing when that cannot be done', async () => {
    const jobs = await commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await jobs.cancel(jobId, 'too dark', ORIGIN);
    const last = await log.lastOfAggregate('job', jobId);
    const reason = last?.status === 'event' ? JobCancelRequestedV2.data.parse(last.event.data).reason : null;
    expect(reason).toMatchObject({ subject: ACTOR });
    expect(reason && (await keys.open(reason))).toBe('too dark');
    expect(JSON.stringify(last)).not.toContain('too dark');
    const before = await log.end();
    await writeFile(join(folder, 'keys', `${ACTOR}.key`), 'garbage');
    await expect(jobs.cancel(jobId, 'still too dark', ORIGIN)).rejects.toMatchObject({ code: 'key-damaged' });
    expect(await log.end()).toBe(before);
    expect(await jobs.cancel(jobId, undefined, ORIGIN)).toMatchObject({ position: await log.end() });
  });

  it('read a cancel that a build before this one stored as one without a reason', async () => {
    const jobs = await commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await log.append(testEvent(JobCancelRequestedV1, jobId, {}));
    expect(await log.lastOfAggregate('job', jobId)).toMatchObject({
      event: { type: 'job.cancel-requested', storedName: 'job.cancel-requested.v1', data: { reason: null } },
    });
    expect(await jobs.cancel(jobId, 'too dark', ORIGIN)).toMatchObject({ position: await log.end() });
  });

  const failed = (jobId: string) => testEvent(JobFailedV1, jobId, { class: 'oom', message: 'no memory', attempts: 3 });
  const types = async (jobId: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const entry of log.readAggregate('job', jobId))
      if (entry.status === 'event') found.push(entry.event.type);
    return found;
  };

  it('have a failed job tried again, with the reason sealed, and no other', async () => {
    const jobs = await commands();
    await expect(jobs.retry(uuidv7(), 'why not', ORIGIN)).rejects.toMatchObject({ code: 'job-not-found' });
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await expect(jobs.retry(jobId, 'why not', ORIGIN)).rejects.toMatchObject({ code: 'job-not-failed', status: 409 });
    expect(await readdir(join(folder, 'keys')).catch(() => [])).toEqual([]);
    await log.append(failed(jobId));
    await log.append(testEvent(JobScoredV1, jobId, { attempt: 1, scorerBuild: 'b', outputs: [SCORED] }));
    const { position } = await jobs.retry(jobId, 'more memory now', ORIGIN);
    const last = await log.lastOfAggregate('job', jobId);
    expect(last).toMatchObject({ position, event: { type: 'job.retry-requested', actor: ACTOR } });
    const reason = last?.status === 'event' ? JobRetryRequestedV1.data.parse(last.event.data).reason : null;
    expect(reason && (await keys.open(reason))).toBe('more memory now');
    await expect(jobs.retry(jobId, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-not-failed' });
    await log.append(failed(jobId));
    await jobs.retry(jobId, undefined, ORIGIN);
    await log.append(testEvent(JobCompletedV1, jobId, { attempt: 3, verdict: 'passed' }));
    await expect(jobs.retry(jobId, undefined, ORIGIN)).rejects.toMatchObject({
      code: 'job-not-failed',
      message: expect.stringContaining('it is completed'),
    });
  });

  it('store one of many wishes at a time to have a job tried again, and refuse the others', async () => {
    const jobs = await commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await log.append(failed(jobId));
    const wishes = await Promise.allSettled(Array.from({ length: 5 }, () => jobs.retry(jobId, undefined, ORIGIN)));
    expect(wishes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const wish of wishes)
      if (wish.status === 'rejected') expect(wish.reason).toMatchObject({ code: 'job-not-failed', status: 409 });
    expect(await types(jobId)).toEqual(['job.requested', 'job.failed', 'job.retry-requested']);
  });

  it('take a fact that comes in between for none, and have the job tried again all the same', async () => {
    const jobs = await commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await log.append(failed(jobId));
    const append = log.append.bind(log);
    let between = 1;
    log.append = async (event, options) => {
      if (between-- > 0)
        await append(testEvent(JobScoredV1, jobId, { attempt: 1, scorerBuild: 'b', outputs: [SCORED] }));
      return append(event, options);
    };
    await jobs.retry(jobId, undefined, ORIGIN);
    expect((await types(jobId)).slice(-2)).toEqual(['job.scored', 'job.retry-requested']);
  });

  it('cancel a job that is tried again although the read-model has not seen that yet', async () => {
    const jobs = await commands(undefined, async () => 'failed');
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await log.append(failed(jobId));
    await log.append(testEvent(JobScoredV1, jobId, { attempt: 1, scorerBuild: 'b', outputs: [SCORED] }));
    await expect(jobs.cancel(jobId, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-ended' });
    await jobs.retry(jobId, undefined, ORIGIN);
    await log.append(testEvent(JobScoredV1, jobId, { attempt: 1, scorerBuild: 'c', outputs: [SCORED] }));
    expect(await jobs.cancel(jobId, undefined, ORIGIN)).toMatchObject({ position: await log.end() });
  });

  it('name the pictures that a job takes in by their content, as the blob store has them', async () => {
    const jobs = await commands();
    const png = await picture('png');
    const { sha256: blob, size } = await blobs.put(png);
    const command = {
      type: 'image',
      template: 'image-to-image',
      parameters: { prompt: 'a fox', image: blob },
    } as const;
    const { job } = await jobs.submit(command, ORIGIN);
    expect(job.inputs).toEqual([{ parameter: 'image', blob, name: `${blob}.png`, size, mediaType: 'image/png' }]);
    expect(job.parameters['image']).toBe(blob);
    const { sha256: words } = await blobs.put(Buffer.from('no picture'));
    const before = await log.end();
    for (const [image, message] of [
      ['ab'.repeat(32), /POST \/api\/anime\/inputs/],
      [words, /is no PNG, JPEG or WebP picture/],
      ['cat.png', /must be the sha256/],
      [undefined, /is required/],
    ] as const)
      await expect(jobs.submit({ ...command, parameters: { prompt: 'a fox', image } }, ORIGIN)).rejects.toMatchObject({
        code: 'parameter-invalid',
        errors: [{ path: '/image', message: expect.stringMatching(message) }],
      });
    expect(await log.end()).toBe(before);
  });

  it('bound a job as it was asked for, else as its project says, else not', async () => {
    const jobs = await commands();
    const settings = { maxAttempts: 5, maxRunSeconds: 600 };
    await projectsOver(new TemplateRegistry()).create({ slug: 'bounded', title: 'Bounded', settings }, ORIGIN);
    const limitsOf = async (project: string | null, limits?: JobLimits) =>
      (await jobs.submit({ type: 'image', project, limits, parameters: { prompt: 'a fox' } }, ORIGIN)).job.limits;
    expect(await limitsOf(null)).toEqual({});
    expect(await limitsOf('demo-film', { maxAttempts: 2 })).toEqual({ maxAttempts: 2 });
    expect(await limitsOf('bounded')).toEqual(settings);
    expect(await limitsOf('bounded', { maxRunSeconds: 60 })).toEqual({ maxAttempts: 5, maxRunSeconds: 60 });
  });

  it('learn from the read-model that a job ended when a later fact hides it in the log', async () => {
    const jobs = await commands(undefined, async () => 'completed');
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await expect(jobs.cancel(jobId, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-ended' });
  });

  it('do not take garbage on a job’s subject for a job, nor a job for garbage', async () => {
    const jobs = await commands();
    const nobody = uuidv7();
    await log.putRaw({ subject: `anime.job.${nobody}.gateway`, data: 'garbage' });
    await expect(jobs.cancel(nobody, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-not-found' });
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await log.putRaw({ subject: `anime.job.${jobId}.orchestrator.accepted`, data: JobAcceptedV3.name });
    await jobs.cancel(jobId, undefined, ORIGIN);
    expect(await log.lastOfAggregate('job', jobId)).toMatchObject({ event: { type: 'job.cancel-requested' } });
  });

  it.each([JobRequestedV3, JobCompletedV1, JobFailedV1, JobCancelledV1, JobRejectedV1])(
    'leave a job to a newer build whose $type only that one can read, garbage behind it or not',
    async (contract) => {
      const jobs = await commands();
      const jobId = uuidv7();
      await log.append(newerEvent(contract, jobId));
      for (const behind of ['', 'garbage']) {
        if (behind !== '') await log.putRaw({ subject: `anime.job.${jobId}.gateway`, data: behind });
        await expect(jobs.cancel(jobId, undefined, ORIGIN)).rejects.toMatchObject({
          code: 'newer-contract',
          status: 503,
          message: expect.stringContaining(`${contract.type}.v99`),
        });
      }
    },
  );

  it('go on when what only a newer build can read is not needed to tell that the job is there, or that it has ended', async () => {
    const jobs = await commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await log.append(newerEvent(JobScoredV1, jobId));
    expect(await jobs.cancel(jobId, undefined, ORIGIN)).toMatchObject({ position: await log.end() });
    const open = uuidv7();
    await log.append(newerEvent(JobRequestedV3, open));
    await log.append(testEvent(JobCancelRequestedV2, open, { reason: null }));
    await log.putRaw({ subject: `anime.job.${open}.gateway`, data: 'garbage' });
    expect(await jobs.cancel(open, undefined, ORIGIN)).toMatchObject({ position: await log.end() });
    const ended = uuidv7();
    await log.append(newerEvent(JobRequestedV3, ended));
    await log.append(testEvent(JobCompletedV1, ended, { attempt: 1, verdict: 'passed' }));
    await log.append(newerEvent(JobCancelledV1, ended));
    await expect(jobs.cancel(ended, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-ended' });
  });
});
