import { fileURLToPath } from 'node:url';
import { JobRequestedV3, ProjectArchivedV1, ProjectCreatedV2, type ProjectSettings } from '@anime/contracts';
import { deriveId, projectIdOf } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { eventsOf, newerEvent } from '@anime/event-store/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { readTemplateFolder } from '../templates/template-files.js';
import { TemplateRegistry } from '../templates/template-registry.js';
import { JobCommands, type SubmitJob } from './job-commands.js';
import { FRESH_MS, ProjectCommands } from './project-commands.js';
import { QueueLimits } from './queue-limits.js';

const WORKFLOWS = fileURLToPath(new URL('../../../../workflows', import.meta.url));
const NOW = '2026-01-01T00:00:00.000Z';
const ORIGIN = { actor: deriveId('018f0000-0000-7000-8000-000000000001', 'actor/local') };
const FILM = { slug: 'demo-film', title: 'Demo film', settings: {} };
const ID = projectIdOf('studio', 'demo-film');

let log: MemoryLog;
let templates: TemplateRegistry;
let waiting: Map<string | undefined, number>;
let clock: number;
beforeEach(async () => {
  log = new MemoryLog();
  templates = new TemplateRegistry();
  waiting = new Map();
  clock = 0;
  const builtIn = await readTemplateFolder(WORKFLOWS);
  for (const { manifest } of builtIn.templates) {
    const { id: slug, version } = manifest;
    templates.add({
      data: {
        slug,
        version,
        manifest,
        graph: { inline: {} },
        graphHash: 'a'.repeat(64),
        builtIn: true,
        lowMemory: null,
      },
    });
  }
  templates.markCaughtUp();
});

/** One gateway: each has a memory of its own. */
function gateway() {
  const projects = new ProjectCommands({ log, studio: 'studio', templates, now: () => NOW, clock: () => clock });
  const queueLimits = new QueueLimits({
    limit: 100,
    countWaiting: async (_limit, projectId) => ({
      count: waiting.get(projectId) ?? 0,
      position: await log.end(),
    }),
    clock: () => 0,
  });
  const jobs = new JobCommands({
    log,
    blobs: {
      has: () => Promise.reject(new Error('a request takes no picture')),
      stream: () => {
        throw new Error('a request takes no picture');
      },
    },
    templates,
    projects,
    queueLimits,
    checkpoint: 'studio.safetensors',
    now: () => NOW,
    keys: { seal: () => Promise.reject(new Error('a request seals nothing')) },
    endInReadModel: async () => undefined,
  });
  const ask = (command: Partial<SubmitJob> = {}) =>
    jobs.submit({ type: 'image', project: 'demo-film', parameters: { prompt: 'a fox' }, ...command }, ORIGIN);
  return { projects, ask };
}

describe('the commands of projects', () => {
  it('make a project once, from however many gateways at a time, and answer each as the first', async () => {
    const all = await Promise.all([gateway(), gateway(), gateway()].map((g) => g.projects.create(FILM, ORIGIN)));
    expect(all.filter(({ replayed }) => !replayed)).toHaveLength(1);
    for (const each of all) expect(each).toMatchObject({ projectId: ID, slug: 'demo-film', position: 1 });
    expect(await eventsOf(log, ProjectCreatedV2, ID)).toMatchObject([{ actor: ORIGIN.actor, data: FILM, time: NOW }]);
  });

  it('answer a repeat whose first answer was lost as the first would have been', async () => {
    await gateway().projects.create(FILM, ORIGIN);
    const changed = await gateway().projects.changeSettings('demo-film', { waitingLimit: 1 }, [1], ORIGIN);
    const archived = await gateway().projects.archive('demo-film', ORIGIN);
    expect(await gateway().projects.archive('demo-film', ORIGIN)).toEqual({ ...archived, replayed: true });
    expect(changed).toMatchObject({ position: 2 });
    expect(await log.end()).toBe(3);
  });

  it('let one of two editors at once through, and tell the other what came first', async () => {
    const [one, other] = [gateway(), gateway()];
    const { position } = await one.projects.create(FILM, ORIGIN);
    const edits = await Promise.allSettled([
      one.projects.changeSettings('demo-film', { waitingLimit: 1 }, [position], ORIGIN),
      other.projects.changeSettings(ID, { waitingLimit: 2 }, [position], ORIGIN),
    ]);
    expect(edits.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(edits.find((edit) => edit.status === 'rejected')?.reason).toMatchObject({
      code: 'precondition-failed',
      status: 412,
      message: expect.stringContaining('"2"'),
    });
  });

  it('decide nothing beside an event that only a newer build can read', async () => {
    const { projects, ask } = gateway();
    await projects.create(FILM, ORIGIN);
    await log.append(newerEvent(ProjectArchivedV1, ID));
    for (const tried of [projects.archive('demo-film', ORIGIN), ask()]) {
      await expect(tried).rejects.toMatchObject({ code: 'newer-contract' });
    }
  });

  it.each<[string, ProjectSettings, string, string]>([
    ['unknown', { imageTemplate: 'nowhere' }, 'template-not-found', '/imageTemplate'],
    ['unknown in this version', { videoTemplate: 'text-to-animation@99' }, 'template-not-found', '/videoTemplate'],
    ['for the other kind of job', { imageTemplate: 'text-to-animation' }, 'parameter-invalid', '/imageTemplate'],
  ])('refuse a template that is %s, naming the field, and store nothing', async (_what, settings, code, path) => {
    const { projects } = gateway();
    const made = projects.create({ ...FILM, settings }, ORIGIN);
    await expect(made).rejects.toMatchObject({ code, errors: [{ path: `/settings${path}` }] });
    expect(await log.end()).toBe(0);
    await projects.create(FILM, ORIGIN);
    const changed = projects.changeSettings('demo-film', settings, undefined, ORIGIN);
    await expect(changed).rejects.toMatchObject({ code, errors: [{ path }] });
    expect(await log.end()).toBe(1);
  });
});

describe('a job in a project', () => {
  it('is not taken after this gateway archived it, by a look at the log that was begun before', async () => {
    await gateway().projects.create(FILM, ORIGIN);
    const { projects, ask } = gateway();
    const { promise: late, resolve: release } = Promise.withResolvers<void>();
    const read = log.readAggregate.bind(log);
    log.readAggregate = async function* (...of) {
      log.readAggregate = read;
      yield* read(...of);
      await late;
    };
    const asked = ask();
    await projects.archive('demo-film', ORIGIN);
    release();
    await asked;
    await expect(ask()).rejects.toMatchObject({ code: 'project-archived' });
  });

  it('belongs to it, whether it is called by slug or id, as soon as any gateway has made it', async () => {
    await gateway().projects.create(FILM, ORIGIN);
    const elsewhere = gateway();
    for (const project of ['demo-film', ID]) {
      const { jobId } = await elsewhere.ask({ project });
      const [requested] = await eventsOf(log, JobRequestedV3, jobId);
      expect(requested?.data.project).toEqual({ id: ID, slug: 'demo-film' });
    }
  });

  it('is refused when there is no such project or it is archived, also by another gateway a moment ago', async () => {
    const [here, elsewhere] = [gateway(), gateway()];
    await expect(here.ask()).rejects.toMatchObject({
      code: 'project-not-found',
      status: 404,
      errors: [{ path: '/project' }],
    });
    await here.projects.create(FILM, ORIGIN);
    await here.ask();
    await elsewhere.projects.archive('demo-film', ORIGIN);
    clock += FRESH_MS;
    const end = await log.end();
    await expect(here.ask()).rejects.toMatchObject({
      code: 'project-archived',
      status: 409,
      errors: [{ path: '/project' }],
    });
    expect(await log.end()).toBe(end);
  });

  it('that was asked for with a key is answered as then, by slug or id, also once the project is archived', async () => {
    const { projects, ask } = gateway();
    await projects.create(FILM, ORIGIN);
    const first = await ask({ idempotencyKey: 'k' });
    await projects.archive('demo-film', ORIGIN);
    for (const project of ['demo-film', ID]) {
      expect(await ask({ idempotencyKey: 'k', project })).toEqual({ ...first, replayed: true });
    }
  });

  it('gets the settings of the project where its request does not say', async () => {
    const settings = { checkpoint: 'film.safetensors', negativePrompt: 'blurry', imageTemplate: 'text-to-image@1' };
    const { projects, ask } = gateway();
    await projects.create({ ...FILM, settings }, ORIGIN);
    const { job } = await ask();
    expect(job).toMatchObject({
      template: { id: 'text-to-image', version: 1 },
      parameters: { checkpoint: 'film.safetensors', negativePrompt: 'blurry' },
    });
    const own = { prompt: 'a fox', checkpoint: 'own.safetensors', negativePrompt: '' };
    expect((await ask({ parameters: own })).job.parameters).toMatchObject(own);
    expect((await ask({ project: null })).job.parameters).toMatchObject({ checkpoint: 'studio.safetensors' });
  });

  it.each([
    ['image', 'imageTemplate'],
    ['video', 'videoTemplate'],
  ] as const)('that makes an %s runs with the template that the project names', async (type, setting) => {
    const manifest = await templates.resolve(undefined, type);
    const data = { slug: 'own', version: 3, manifest: { ...manifest, id: 'own', version: 3 } };
    templates.add({
      data: { ...data, graph: { inline: {} }, graphHash: 'b'.repeat(64), builtIn: false, lowMemory: null },
    });
    const { projects, ask } = gateway();
    await projects.create({ ...FILM, settings: { [setting]: 'own' } }, ORIGIN);
    expect((await ask({ type })).job.template).toEqual({ id: 'own', version: 3 });
    expect((await ask({ type, template: manifest.id })).job.template).toMatchObject({ id: manifest.id });
  });

  it('gets no negative prompt of the project where its template takes none', async () => {
    const manifest = await templates.resolve(undefined, 'image');
    const parameters = manifest.parameters.filter(({ name }) => name !== 'negativePrompt');
    const data = { slug: 'plain', version: 1, manifest: { ...manifest, id: 'plain', parameters } };
    templates.add({
      data: { ...data, graph: { inline: {} }, graphHash: 'c'.repeat(64), builtIn: false, lowMemory: null },
    });
    const { projects, ask } = gateway();
    await projects.create({ ...FILM, settings: { negativePrompt: 'blurry' } }, ORIGIN);
    expect((await ask({ template: 'plain' })).job.parameters).not.toHaveProperty('negativePrompt');
  });

  it('is refused while as many of the project wait as it allows; others are not', async () => {
    const { projects, ask } = gateway();
    await projects.create({ ...FILM, settings: { waitingLimit: 2 } }, ORIGIN);
    waiting.set(ID, 2);
    await expect(ask()).rejects.toMatchObject({ code: 'queue-full', message: expect.stringContaining('demo-film') });
    await ask({ project: null });
    await projects.changeSettings('demo-film', { waitingLimit: 3 }, undefined, ORIGIN);
    await ask();
    await projects.changeSettings('demo-film', {}, undefined, ORIGIN);
    waiting.set(ID, 50);
    await ask();
  });

  it('gets the settings that its own gateway has just changed, and asks the log no more often than it must', async () => {
    const { projects, ask } = gateway();
    await projects.create(FILM, ORIGIN);
    let looks = 0;
    const look = log.lastOfAggregate.bind(log);
    log.lastOfAggregate = (...args) => ((looks += 1), look(...args));
    for (let n = 0; n < 5; n += 1) await ask();
    expect(looks).toBe(1);
    await projects.changeSettings('demo-film', { negativePrompt: 'blurry' }, undefined, ORIGIN);
    expect((await ask()).job.parameters).toMatchObject({ negativePrompt: 'blurry' });
    await projects.archive('demo-film', ORIGIN);
    await expect(ask()).rejects.toMatchObject({ code: 'project-archived' });
  });

  it('follows a log that was replaced by an older copy', async () => {
    const { projects, ask } = gateway();
    await projects.create(FILM, ORIGIN);
    await ask();
    clock += FRESH_MS;
    log.restoreTo(0);
    await expect(ask()).rejects.toMatchObject({ code: 'project-not-found' });
  });
});
