import type { ApiGraph } from '@anime/contracts';
import type { z } from 'zod';
import {
  CancelAnswer,
  EndedJobs,
  HistoryAnswer,
  JobAnswer,
  JobNotFound,
  ObjectInfoAnswer,
  PromptAnswer,
  PromptRefusal,
  QueueAnswer,
  type EndedPrompt,
  type NodeErrors,
} from './answers.js';
import { ComfyHttp, isAnswer, type CallOptions, type ComfyHttpOptions } from './comfy-http.js';
import {
  parseNodeDefinitions,
  readNodeDefinitions,
  type NodeDefinition,
  type NodeDefinitions,
} from './definitions/node-definition.js';
import { downloadFile } from './download.js';
import type { ServerFile } from './output-files.js';
import { runStart } from './run-start.js';
import { InstalledPacksAnswer, Names, ServerFeatures, SystemStats, type InstalledPack } from './server-answers.js';
import { uploadFile, type Upload } from './upload.js';

export interface ComfyClientOptions extends ComfyHttpOptions {
  /**
   * So long a route that answered 404 (a cancel also 405) is taken for one that the server does not have, in ms; then it is asked for again, as the
   * 404 may have been a proxy's while its server restarted. Default 60 s.
   */
  readonly askAgainMs?: number;
}

export type PreviewMethod = 'none' | 'auto' | 'latent2rgb' | 'taesd';

export interface PromptSubmission {
  readonly graph: ApiGraph;
  /**
   * Canonical lower-case UUID of our own, one per attempt: the server has no idempotency of any kind (contract §1.3, 17), and
   * refuses other forms of ids since 0.24.0.
   */
  readonly promptId: string;
  /** Of the socket that is to hear of it. A string always: another type ends the whole server (contract §1.1, 2). */
  readonly clientId: string;
  /** Our own marks; they come back in queue and history. */
  readonly tags: Readonly<Record<string, unknown>>;
  /**
   * Pictures while it samples, for somebody who watches. Default `none`: they are what fills a slow reader's buffers, and
   * one reader that stalls stops the events of all (contract §1.1, 3).
   */
  readonly previews?: PreviewMethod;
}

export type SubmitResult =
  /** `number` is its place in the server's count; it begins anew at each start of the server. */
  | { readonly kind: 'queued'; readonly number: number | null }
  /** Queued under an id that is not ours: servers before 0.3.44 choose their own (contract §9). Cancel that one. */
  | { readonly kind: 'renamed'; readonly promptId: string }
  /** Queued, but without the outputs that failed validation: cancel it (contract §1.3, 12). */
  | { readonly kind: 'partly-refused'; readonly nodeErrors: NodeErrors }
  /** The server says why; nothing was queued. */
  | { readonly kind: 'refused'; readonly status: number; readonly refusal: PromptRefusal };

/** Where a prompt is now, by the server's own books. `absent`: in neither queue nor history. */
export type PromptLook =
  | { readonly state: 'pending' }
  | { readonly state: 'running' }
  | { readonly state: 'ended'; readonly ended: EndedPrompt }
  | { readonly state: 'absent' };

/** One prompt of the queue. */
export interface QueuedPrompt {
  readonly promptId: string;
  readonly number: number | null;
  readonly extraData: Readonly<Record<string, unknown>>;
}

/**
 * ComfyUI over HTTP, the truth about every prompt. All methods throw ProblemError `comfyui-unavailable`: plain when
 * nothing came back, as UnexpectedAnswerError when the answer is not what the route promises; and the reason of their
 * signal when that aborts.
 */
export class ComfyClient {
  /** Without user and password: it is shown in errors. */
  readonly baseUrl: string;
  readonly #http: ComfyHttp;
  readonly #askAgainMs: number;
  /**
   * Until when, on `performance.now`, a route is not asked for. Learned from the router's 404, never from a version string
   * (contract §9: jobs since 0.5.1, their cancel since 0.25.0). The older ways, which are taken meanwhile, tell the truth on every server.
   */
  #withoutJobsUntil = 0;
  #withoutJobCancelUntil = 0;

  constructor(options: ComfyClientOptions) {
    this.#askAgainMs = options.askAgainMs ?? 60_000;
    this.#http = new ComfyHttp(options);
    this.baseUrl = this.#http.baseUrl;
  }

  /** @returns running and pending prompts, the pending ones in the order in which they will run */
  async queue(
    options?: CallOptions,
  ): Promise<{ readonly running: readonly QueuedPrompt[]; readonly pending: readonly QueuedPrompt[] }> {
    const answer = this.#http.parse(QueueAnswer, await this.#http.get('/queue', options));
    const queued = ([number, promptId, , extraData]: z.infer<
      typeof QueueAnswer
    >['queue_running'][number]): QueuedPrompt => ({
      promptId,
      number,
      extraData: typeof extraData === 'object' && extraData !== null ? { ...extraData } : {},
    });
    // The server's list is a heap; equal numbers run in the order of their ids (contract §1.4, 21).
    const pending = answer.queue_pending.toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0) || (a[1] < b[1] ? -1 : 1));
    return { running: answer.queue_running.map(queued), pending: pending.map(queued) };
  }

  /**
   * Queues a prompt. After any throw the caller cannot know whether the server took it: look it up, never POST again. It sends
   * no `number`: two prompts with the same one and the same id end the server's only worker (contract §1.1, 1b). A node
   * without `inputs` does so too (1a); the type of the graph has them always.
   */
  async submit(submission: PromptSubmission, options?: CallOptions): Promise<SubmitResult> {
    const body = {
      prompt: submission.graph,
      prompt_id: submission.promptId,
      client_id: submission.clientId,
      extra_data: { ...submission.tags, preview_method: submission.previews ?? 'none' },
    };
    const answer = await this.#http.post('/prompt', body, options);
    if (answer.status === 400)
      return { kind: 'refused', status: 400, refusal: this.#http.parse(PromptRefusal, answer, 400) };
    const { prompt_id: promptId, number, node_errors: nodeErrors } = this.#http.parse(PromptAnswer, answer);
    if (promptId !== submission.promptId) return { kind: 'renamed', promptId };
    return Object.keys(nodeErrors).length === 0 ? { kind: 'queued', number } : { kind: 'partly-refused', nodeErrors };
  }

  /** Looks a prompt up by its id, by `/api/jobs/{id}` or, on servers without it, in queue and then history. */
  async look(promptId: string, options?: CallOptions): Promise<PromptLook> {
    if (performance.now() >= this.#withoutJobsUntil) {
      const answer = await this.#http.get(`/api/jobs/${promptId}`, options);
      if (answer.status !== 404) return this.#lookOfJob(promptId, this.#http.parse(JobAnswer, answer), options);
      if (isAnswer(JobNotFound, answer)) return { state: 'absent' };
      this.#withoutJobsUntil = performance.now() + this.#askAgainMs;
    }
    // Queue first: a prompt only ever moves from there to history, so it cannot slip between the two looks (contract §1.4, 22).
    const { running, pending } = await this.queue(options);
    if (running.some((item) => item.promptId === promptId)) return { state: 'running' };
    if (pending.some((item) => item.promptId === promptId)) return { state: 'pending' };
    return this.#lookIntoHistory(promptId, options);
  }

  /**
   * For how long a prompt has been running, in ms, a second too little at most: by the server's own clock alone. It costs the
   * server a walk through its history: ask once per prompt.
   * @returns null when it does not run, or the server does not tell
   */
  async runningForMs(promptId: string, options?: CallOptions): Promise<number | null> {
    const answer = await this.#http.get(`/api/jobs/${promptId}`, options);
    if (answer.status !== 200 || answer.date === null) return null;
    const job = this.#http.parse(JobAnswer, answer);
    if (job.status !== 'in_progress') return null;
    const since = runStart({
      startTime: job.execution_start_time ?? null,
      createTime: job.create_time ?? null,
      number: job.priority ?? null,
      ends: await this.#lastEnds(options),
    });
    return since === null ? null : Math.max(0, answer.date - since);
  }

  /**
   * Stops a pending or running prompt, and no other. Idempotent; a node that blocks ends first (contract §1.1, 4).
   * @returns whether the server says that it stopped one; null on older servers, which do not say
   */
  async cancel(promptId: string, options?: CallOptions): Promise<boolean | null> {
    if (performance.now() >= this.#withoutJobCancelUntil) {
      const answer = await this.#http.post(`/api/jobs/${promptId}/cancel`, undefined, options);
      if (answer.status === 404 && isAnswer(JobNotFound, answer)) return false;
      if (answer.status !== 404 && answer.status !== 405) return this.#http.parse(CancelAnswer, answer).cancelled;
      this.#withoutJobCancelUntil = performance.now() + this.#askAgainMs;
    }
    // Deleting hits pending prompts only, interrupting with an id the running one only; both answer an empty 200.
    this.#http.requireOk(await this.#http.post('/queue', { delete: [promptId] }, options));
    // Old servers do not read the id and would stop whatever runs (contract §1.4, 20), so only where it is ours.
    const { running } = await this.queue(options);
    if (running.some((item) => item.promptId === promptId))
      this.#http.requireOk(await this.#http.post('/interrupt', { prompt_id: promptId }, options));
    return null;
  }

  /** All node classes. 1.6 MB and 200 ms of the server's loop: once per start of the server, not in a loop (contract §3). */
  async objectInfo(options?: CallOptions): Promise<NodeDefinitions> {
    return readNodeDefinitions(this.#http.parse(ObjectInfoAnswer, await this.#http.get('/object_info', options)));
  }

  /** One node class, with the files and models that its combos list now; undefined when the server has none of that name. */
  async nodeDefinition(classType: string, options?: CallOptions): Promise<NodeDefinition | undefined> {
    const answer = await this.#http.get(`/object_info/${encodeURIComponent(classType)}`, options);
    const { classes, unreadable } = parseNodeDefinitions(this.#http.parse(ObjectInfoAnswer, answer));
    const reason = unreadable.get(classType);
    if (reason !== undefined) throw this.#http.unexpected(answer, new Error(reason));
    return classes.get(classType);
  }

  /** The values that one combo input of a node class takes now; undefined when there is no such class or combo. */
  async comboOptions(classType: string, input: string, options?: CallOptions): Promise<readonly string[] | undefined> {
    const inputs = (await this.nodeDefinition(classType, options))?.inputs;
    const spec = [...(inputs?.required ?? []), ...(inputs?.optional ?? [])].find(({ name }) => name === input);
    if (spec?.kind !== 'combo') return undefined;
    return spec.values?.filter((value) => typeof value === 'string');
  }

  /** Names of all node classes; costs as much as `objectInfo`. */
  async nodeClasses(options?: CallOptions): Promise<readonly string[]> {
    return Object.keys(this.#http.parse(ObjectInfoAnswer, await this.#http.get('/object_info', options)));
  }

  /**
   * Streams a file's bytes, and goes on where a cut connection stopped while the file is the same.
   * @throws FileMissingError on 404; `comfyui-unavailable` also in mid-stream, or when the stream ends too early
   */
  download(file: ServerFile, options?: CallOptions): AsyncGenerator<Uint8Array, void, void> {
    return downloadFile(this.#http, file, options);
  }

  /** Streams a file into the server's input folder. @returns where it is, under the name that the server gave it */
  uploadImage(upload: Upload, options?: CallOptions): Promise<ServerFile> {
    return uploadFile(this.#http, upload, options);
  }

  /**
   * Asks the server to give memory back; it does when its worker is next idle, and answers before (contract §3). `freeMemory`
   * also drops the cache of outputs, so that the next prompt is executed whole.
   */
  async free(
    what: { readonly unloadModels: boolean; readonly freeMemory: boolean },
    options?: CallOptions,
  ): Promise<void> {
    const body = { unload_models: what.unloadModels, free_memory: what.freeMemory };
    this.#http.requireOk(await this.#http.post('/free', body, options));
  }

  async systemStats(options?: CallOptions): Promise<SystemStats> {
    return this.#http.parse(SystemStats, await this.#http.get('/system_stats', options));
  }

  /** What the server can; undefined on servers that do not tell. */
  features(options?: CallOptions): Promise<ServerFeatures | undefined> {
    return this.#getIfThere(ServerFeatures, '/features', options);
  }

  /** Kinds of models that have a folder, e.g. `checkpoints`. */
  async modelFolders(options?: CallOptions): Promise<readonly string[]> {
    return this.#http.parse(Names, await this.#http.get('/models', options));
  }

  /** Names of the models in a folder; undefined when there is no such folder. */
  models(folder: string, options?: CallOptions): Promise<readonly string[] | undefined> {
    return this.#getIfThere(Names, `/models/${encodeURIComponent(folder)}`, options);
  }

  /**
   * Node packs with their versions, where the server runs ComfyUI-Manager; undefined where it does not, or answers in a form
   * that is not known. What runs without it says `pythonModule` of the definitions.
   */
  async installedPacks(options?: CallOptions): Promise<readonly InstalledPack[] | undefined> {
    for (const path of ['/v2/customnode/installed', '/customnode/installed']) {
      const answer = await this.#http.get(path, options);
      if (answer.status !== 200 || !isAnswer(InstalledPacksAnswer, answer)) continue;
      return Object.entries(this.#http.parse(InstalledPacksAnswer, answer)).map(([name, pack]) => ({
        name,
        version: pack.ver ?? null,
        registryId: pack.cnr_id ?? null,
        repository: pack.aux_id ?? null,
        isEnabled: pack.enabled ?? true,
      }));
    }
    return undefined;
  }

  async close(): Promise<void> {
    await this.#http.close();
  }

  async #getIfThere<S extends z.ZodType>(
    schema: S,
    path: string,
    options?: CallOptions,
  ): Promise<z.infer<S> | undefined> {
    const answer = await this.#http.get(path, options);
    return answer.status === 404 ? undefined : this.#http.parse(schema, answer);
  }

  async #lookOfJob(promptId: string, job: z.infer<typeof JobAnswer>, options?: CallOptions): Promise<PromptLook> {
    if (job.status === 'pending') return { state: 'pending' };
    if (job.status === 'in_progress') return { state: 'running' };
    if (job.execution_status == null) return this.#lookIntoHistory(promptId, options);
    return { state: 'ended', ended: { outputs: job.outputs ?? {}, messages: job.execution_status.messages } };
  }

  /** When the newest of the prompts that have ended did, in ms of the server's clock. */
  async #lastEnds(options?: CallOptions): Promise<readonly number[]> {
    const newest = '/api/jobs?status=completed,failed,cancelled&sort_by=created_at&sort_order=desc&limit=50';
    const { jobs } = this.#http.parse(EndedJobs, await this.#http.get(newest, options));
    return jobs.flatMap(({ execution_end_time: end }) => (end == null ? [] : [end]));
  }

  async #lookIntoHistory(promptId: string, options?: CallOptions): Promise<PromptLook> {
    const history = this.#http.parse(HistoryAnswer, await this.#http.get(`/history/${promptId}`, options));
    const entry = history[promptId];
    if (entry === undefined) return { state: 'absent' };
    return { state: 'ended', ended: { outputs: entry.outputs, messages: entry.status?.messages ?? [] } };
  }
}
