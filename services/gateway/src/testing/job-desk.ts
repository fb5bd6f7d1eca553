import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FsBlobStore } from '@anime/blob-store';
import { deriveId, type LogEntry } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { FileSubjectKeys } from '@anime/sealed-fields';
import { JobCommands } from '../commands/job-commands.js';
import { ProjectCommands } from '../commands/project-commands.js';
import { QueueLimits } from '../commands/queue-limits.js';
import { registerTemplate } from '../commands/register-template.js';
import type { JobEnd } from '../domain/job/job.state.js';
import { readTemplateFolder, type TemplateFile } from '../templates/template-files.js';
import { TemplateRegistry } from '../templates/template-registry.js';

export const WORKFLOWS = fileURLToPath(new URL('../../../../workflows', import.meta.url));
export const NOW = '2026-01-01T00:00:00.000Z';
export const ACTOR = deriveId('018f0000-0000-7000-8000-000000000001', 'actor/local');
export const ORIGIN = { actor: ACTOR };

export interface JobDeskOptions {
  readonly checkpoint?: string;
  readonly endInReadModel?: () => Promise<JobEnd | undefined>;
  readonly limits?: QueueLimits;
}

/** The commands of jobs over a log in memory, with a folder of their own for blobs and keys. */
export class JobDesk implements AsyncDisposable {
  readonly log = new MemoryLog();
  readonly blobs: FsBlobStore;
  readonly keys: FileSubjectKeys;

  private constructor(readonly folder: string) {
    this.blobs = new FsBlobStore(join(folder, 'blobs'));
    this.keys = new FileSubjectKeys(join(folder, 'keys'));
  }

  static async open(): Promise<JobDesk> {
    return new JobDesk(await mkdtemp(join(tmpdir(), 'gateway-')));
  }

  register(template: TemplateFile): ReturnType<typeof registerTemplate> {
    return registerTemplate({ log: this.log, blobs: this.blobs, studio: 'studio', now: () => NOW }, template);
  }

  projects(templates: TemplateRegistry): ProjectCommands {
    return new ProjectCommands({ log: this.log, studio: 'studio', templates, now: () => NOW, clock: () => 0 });
  }

  /** With these templates, however few. */
  commandsWith(templates: TemplateRegistry, { checkpoint, endInReadModel, limits }: JobDeskOptions = {}): JobCommands {
    const { log, blobs, keys } = this;
    return new JobCommands({
      log,
      blobs,
      keys,
      templates,
      checkpoint,
      projects: this.projects(templates),
      queueLimits: limits ?? waitingLimit(100),
      endInReadModel: endInReadModel ?? (async () => undefined),
      now: () => NOW,
    });
  }

  /** With the built-in templates, and a project `demo-film`. */
  async commands(options: JobDeskOptions = {}): Promise<JobCommands> {
    const templates = new TemplateRegistry();
    for (const template of await builtIn()) templates.add({ data: await this.register(template) });
    templates.markCaughtUp();
    await this.projects(templates).create({ slug: 'demo-film', title: 'Demo film', settings: {} }, ORIGIN);
    return this.commandsWith(templates, options);
  }

  async entries(): Promise<LogEntry[]> {
    const found: LogEntry[] = [];
    for await (const entry of this.log.read({ after: 0 })) found.push(entry);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** So many jobs may wait, of which none is seen in a read-model. */
export function waitingLimit(limit: number): QueueLimits {
  return new QueueLimits({ limit, countWaiting: async () => ({ count: 0, position: 0 }), clock: () => 0 });
}

/** The built-in templates. @throws Error when one of them is not sound */
export async function builtIn(): Promise<readonly TemplateFile[]> {
  const { templates, faults } = await readTemplateFolder(WORKFLOWS);
  if (faults.length > 0) throw new Error(faults.join('; '));
  return templates;
}
