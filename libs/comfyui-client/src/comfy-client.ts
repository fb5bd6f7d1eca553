import type { ApiGraph } from '@anime/contracts';
import { Pool, type Dispatcher } from 'undici';
import type { z } from 'zod';
import {
  CancelAnswer,
  HistoryAnswer,
  JobAnswer,
  JobNotFound,
  ObjectInfoAnswer,
  PromptAnswer,
  PromptRefusal,
  QueueAnswer,
  SystemStats,
  type EndedPrompt,
  type NodeErrors,
} from './answers.js';
import { FileMissingError, UnexpectedAnswerError, unreachable } from './errors.js';
import type { ServerFile } from './output-files.js';
import { parseServerJson } from './server-json.js';

export interface ComfyClientOptions {
  /**
   * `http://host:port` with an optional path, and an optional user and password, percent-encoded, which are sent as Basic
   * credentials.
   */
  readonly baseUrl: string;
  /** Until an answer begins, in ms. A busy server stalls for seconds without being gone. Default 30 s. */
  readonly timeoutMs?: number;
}

export interface PromptSubmission {
  readonly graph: ApiGraph;
  /** Lower-case UUID of our own, one per attempt: the server has no idempotency of any kind. */
  readonly promptId: string;
  /** Of the socket that is to hear of it. */
  readonly clientId: string;
  /** Our own marks; they come back in queue and history. */
  readonly tags: Readonly<Record<string, unknown>>;
}

export type SubmitResult =
  | { readonly kind: 'queued'; readonly number: number | null }
  /** Queued, but without the outputs that failed validation: cancel it. */
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
  readonly extraData: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

/**
 * ComfyUI over HTTP, the truth about every prompt. All methods throw ProblemError `comfyui-unavailable`: plain when
 * nothing came back, as UnexpectedAnswerError when the answer is not what the route promises.
 */
export class ComfyClient {
  /** Without user and password: it is shown in errors. */
  readonly baseUrl: string;
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #credentials: Readonly<Record<string, string>>;
  /** Learned from the router's 404, never from a version string. */
  #hasJobs = true;
  #hasJobCancel = true;

  constructor(options: ComfyClientOptions) {
    const url = new URL(options.baseUrl);
    this.#prefix = url.pathname.replace(/\/$/, '');
    this.baseUrl = url.origin + this.#prefix;
    this.#credentials = credentialsIn(url);
    const timeout = options.timeoutMs ?? 30_000;
    this.#pool = new Pool(url.origin, {
      connections: 16,
      connect: { timeout: Math.min(timeout, 10_000) },
      headersTimeout: timeout,
      bodyTimeout: 2 * timeout,
    });
  }

  async systemStats(): Promise<SystemStats> {
    return this.#parse(SystemStats, await this.#request('GET', '/system_stats'));
  }

  /** @returns running and pending prompts, the pending ones in the order in which they will run */
  async queue(): Promise<{ readonly running: readonly QueuedPrompt[]; readonly pending: readonly QueuedPrompt[] }> {
    const answer = this.#parse(QueueAnswer, await this.#request('GET', '/queue'));
    const queued = ([, promptId, , extraData]: z.infer<typeof QueueAnswer>['queue_running'][number]): QueuedPrompt => ({
      promptId,
      extraData: typeof extraData === 'object' && extraData !== null ? { ...extraData } : {},
    });
    const pending = answer.queue_pending.toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0) || (a[1] < b[1] ? -1 : 1));
    return { running: answer.queue_running.map(queued), pending: pending.map(queued) };
  }

  /**
   * Queues a prompt. After any throw the caller cannot know whether the server took it: look it up, never POST again.
   */
  async submit(submission: PromptSubmission): Promise<SubmitResult> {
    const answer = await this.#request('POST', '/prompt', {
      prompt: submission.graph,
      prompt_id: submission.promptId,
      client_id: submission.clientId,
      // Previews are what fills a slow reader's buffers (contract §1.1, 3).
      extra_data: { ...submission.tags, preview_method: 'none' },
    });
    if (answer.status === 200) {
      const { number, node_errors: nodeErrors } = this.#parse(PromptAnswer, answer);
      return Object.keys(nodeErrors).length === 0 ? { kind: 'queued', number } : { kind: 'partly-refused', nodeErrors };
    }
    if (answer.status === 400)
      return { kind: 'refused', status: 400, refusal: this.#parse(PromptRefusal, answer, 400) };
    throw new UnexpectedAnswerError(answer.path, answer.status, answer.text);
  }

  /** Looks a prompt up by its id, by `/api/jobs/{id}` or, on servers without it, in queue and then history. */
  async look(promptId: string): Promise<PromptLook> {
    if (this.#hasJobs) {
      const answer = await this.#request('GET', `/api/jobs/${promptId}`);
      if (answer.status !== 404) return this.#lookOfJob(promptId, this.#parse(JobAnswer, answer));
      if (isAnswer(JobNotFound, answer)) return { state: 'absent' };
      this.#hasJobs = false;
    }
    // Queue first: a prompt only ever moves from there to history, so it cannot slip between the two looks.
    const { running, pending } = await this.queue();
    if (running.some((item) => item.promptId === promptId)) return { state: 'running' };
    if (pending.some((item) => item.promptId === promptId)) return { state: 'pending' };
    return this.#lookIntoHistory(promptId);
  }

  /**
   * Stops a pending or running prompt, and no other. Idempotent; a node that blocks ends first.
   * @returns whether the server says that it stopped one; null on older servers, which do not say
   */
  async cancel(promptId: string): Promise<boolean | null> {
    if (this.#hasJobCancel) {
      const answer = await this.#request('POST', `/api/jobs/${promptId}/cancel`);
      if (answer.status === 404 && isAnswer(JobNotFound, answer)) return false;
      if (answer.status !== 404 && answer.status !== 405) return this.#parse(CancelAnswer, answer).cancelled;
      this.#hasJobCancel = false;
    }
    // Deleting hits pending prompts only, interrupting with an id the running one only; both answer an empty 200.
    requireOk(await this.#request('POST', '/queue', { delete: [promptId] }));
    requireOk(await this.#request('POST', '/interrupt', { prompt_id: promptId }));
    return null;
  }

  /** The values that one combo input of a node class takes now; undefined when there is no such class or combo. */
  async comboOptions(classType: string, input: string): Promise<readonly string[] | undefined> {
    const answer = this.#parse(
      ObjectInfoAnswer,
      await this.#request('GET', `/object_info/${encodeURIComponent(classType)}`),
    );
    const inputs = answer[classType]?.input;
    return optionsOf(inputs?.required?.[input] ?? inputs?.optional?.[input]);
  }

  /** Names of all node classes. 1.6 MB and 200 ms of the server's loop: once per need, not in a loop. */
  async nodeClasses(): Promise<readonly string[]> {
    return Object.keys(this.#parse(ObjectInfoAnswer, await this.#request('GET', '/object_info')));
  }

  /**
   * Streams a file's bytes.
   * @throws FileMissingError on 404; `comfyui-unavailable` also in mid-stream, or when the stream ends too early
   */
  async *download(file: ServerFile): AsyncGenerator<Uint8Array, void, void> {
    const query = new URLSearchParams({ filename: file.filename, subfolder: file.subfolder, type: file.type });
    const path = `/view?${query.toString()}`;
    const response = await this.#send('GET', path);
    if (response.statusCode === 404) {
      await response.body.dump();
      throw new FileMissingError(file.subfolder === '' ? file.filename : `${file.subfolder}/${file.filename}`);
    }
    if (response.statusCode !== 200) {
      throw new UnexpectedAnswerError(path, response.statusCode, await response.body.text());
    }
    try {
      for await (const chunk of response.body) yield chunk as Uint8Array;
    } catch (error) {
      throw unreachable(this.baseUrl, path, error);
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #lookOfJob(promptId: string, job: z.infer<typeof JobAnswer>): Promise<PromptLook> {
    if (job.status === 'pending') return { state: 'pending' };
    if (job.status === 'in_progress') return { state: 'running' };
    if (job.execution_status == null) return this.#lookIntoHistory(promptId);
    return { state: 'ended', ended: { outputs: job.outputs ?? {}, messages: job.execution_status.messages } };
  }

  async #lookIntoHistory(promptId: string): Promise<PromptLook> {
    const history = this.#parse(HistoryAnswer, await this.#request('GET', `/history/${promptId}`));
    const entry = history[promptId];
    if (entry === undefined) return { state: 'absent' };
    return { state: 'ended', ended: { outputs: entry.outputs, messages: entry.status?.messages ?? [] } };
  }

  async #send(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Dispatcher.ResponseData> {
    try {
      return await this.#pool.request({
        method,
        path: this.#prefix + path,
        headers: { ...this.#credentials, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw unreachable(this.baseUrl, path, error);
    }
  }

  async #request(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer> {
    const response = await this.#send(method, path, body);
    try {
      const contentType = String(response.headers['content-type'] ?? '');
      return { path, status: response.statusCode, contentType, text: await response.body.text() };
    } catch (error) {
      throw unreachable(this.baseUrl, path, error);
    }
  }

  #parse<S extends z.ZodType>(schema: S, answer: Answer, status = 200): z.infer<S> {
    if (answer.status !== status) throw new UnexpectedAnswerError(answer.path, answer.status, answer.text);
    try {
      return schema.parse(parseServerJson(answer.text));
    } catch (error) {
      throw new UnexpectedAnswerError(answer.path, answer.status, answer.text.slice(0, 20_000), error);
    }
  }
}

function requireOk(answer: Answer): void {
  if (answer.status !== 200) throw new UnexpectedAnswerError(answer.path, answer.status, answer.text);
}

function isAnswer(schema: z.ZodType, answer: Answer): boolean {
  try {
    return answer.contentType.includes('json') && schema.safeParse(parseServerJson(answer.text)).success;
  } catch {
    return false;
  }
}

/** V1 combos are `[[…values], {…}]`, V3 ones `["COMBO", {options: [...]}]`. */
function optionsOf(spec: unknown): readonly string[] | undefined {
  if (!Array.isArray(spec)) return undefined;
  const [head, details] = spec as readonly unknown[];
  const options = Array.isArray(head) ? head : (details as { options?: unknown } | null | undefined)?.options;
  return Array.isArray(options) ? options.filter((option) => typeof option === 'string') : undefined;
}

/** RFC 7617. */
function credentialsIn({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}
