import type { BlobStore } from '@anime/blob-store';
import {
  cachedNodes,
  executionMs,
  filesOf,
  verdictOf,
  type ComfyClient,
  type ComfySocket,
  type EndedPrompt,
} from '@anime/comfyui-client';
import {
  ApiGraph,
  type EventData,
  type FailureClass,
  type JobExecutedV2,
  type Preview,
  type Progress,
} from '@anime/contracts';
import { loadBody } from '@anime/event-store';
import { isProblem } from '@anime/problem-details';
import { graphHash, withSavePrefixes } from '@anime/workflow-engine';
import { failure, failureOfException, type Failure } from '../domain/attempt/failure.js';
import type { NodeDurations } from '../domain/attempt/node-durations.js';
import { expectedMs, progressWeights } from '../domain/attempt/progress-weights.js';
import { isFullyCached, wantedFiles } from '../domain/attempt/wanted-outputs.js';
import type { EnvironmentWatch } from '../environment/environment-watch.js';
import type { ModelHashes } from '../environment/model-hashes.js';
import type { Accepted, Assigned, AttemptJournal, Claimable } from './attempt-journal.js';
import { fetchOutputs } from './fetch-outputs.js';
import { PreviewPublisher } from './preview-publisher.js';
import { ProgressPublisher } from './progress-publisher.js';
import { PromptFollower, type Followed } from './prompt-follower.js';
import type { Slots } from './slots.js';
import { submitPrompt } from './submit-prompt.js';

/** Told how attempts go; a hook for metrics. Times in seconds. */
export interface AttemptObserver {
  executed(): void;
  failed(failureClass: FailureClass): void;
  /** How long it waited for a slot of its server. */
  waited(seconds: number): void;
  /** How long its prompt took on the server. */
  prompted(seconds: number): void;
}

/** What the attempts of one server share. */
export interface AttemptRunnerOptions {
  /** Random id of this process: what makes a `started` its own. */
  readonly claim: string;
  readonly client: ComfyClient;
  readonly socket: ComfySocket;
  readonly journal: AttemptJournal;
  readonly blobs: BlobStore;
  readonly slots: Slots;
  readonly publish: (progress: Progress) => void;
  readonly observer?: AttemptObserver | undefined;
  /** Knows in what environment attempts run; without it they name none. */
  readonly environment?: Pick<EnvironmentWatch, 'current' | 'expectNumber' | 'restarted'> | undefined;
  /** What this server's nodes took in earlier attempts; progress is weighed by it. */
  readonly durations?: NodeDurations | undefined;
  /** Content of model files by name; null where it is not known. `prepare` begins with those that will be asked for. */
  readonly modelHashes?: Pick<ModelHashes, 'of' | 'prepare'> | undefined;
  /** Sends pictures of the running prompt to its viewers; without it none are asked for. */
  readonly publishPreview?: ((preview: Preview) => void) | undefined;
}

/** How a run ended: a fact to record, or nothing, because somebody else answers for the attempt. */
export type End =
  | { readonly kind: 'executed'; readonly data: EventData<typeof JobExecutedV2> }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** No longer ours to answer: cancelled, ended or superseded. */
  | { readonly kind: 'dropped' }
  /** The service drains; the prompt goes on and is adopted at the next start. */
  | { readonly kind: 'left' };

/** Whether the prompt was queued, or may have been; an End when it was not. */
type Posted = 'queued' | 'uncertain' | End;

interface Plan {
  readonly accepted: Accepted;
  /** With the save prefixes of this attempt. */
  readonly graph: ApiGraph;
  readonly graphHash: string;
  readonly progress: ProgressPublisher;
}

const SOCKET_PATIENCE_MS = 1_000;
/** Viewers get a picture a second. */
const SHORTEST_PREVIEWED_MS = 2_000;
/** An order that was found current so long ago is not looked up again before its claim; one that waited, or loaded its graph, is. */
const MOMENT_MS = 50;

/** One run of one assigned attempt, from the claim to its outputs. */
export class AttemptRun {
  readonly #options: AttemptRunnerOptions;
  readonly #posted: Set<string>;
  readonly #assigned: Assigned;
  readonly #signal: AbortSignal;
  readonly #cancelled = new AbortController();
  #submitted = false;

  /**
   * @param posted prompts that this process has begun to POST; a claim of our own without a mark there was never sent
   * @param signal aborts when the service drains
   */
  constructor(options: AttemptRunnerOptions, posted: Set<string>, assigned: Assigned, signal: AbortSignal) {
    this.#options = options;
    this.#posted = posted;
    this.#assigned = assigned;
    this.#signal = signal;
  }

  /** True while the prompt is, or may be, on the server. */
  get submitted(): boolean {
    return this.#submitted;
  }

  /** From now on the prompt is not sent any more, and stopped wherever it is found; viewers hear nothing more of it. */
  cancel(): void {
    this.#cancelled.abort();
  }

  /** @throws what log and blob store throw: then nothing is decided, and the next delivery adopts */
  async run(): Promise<End> {
    const { journal, slots, socket, claim } = this.#options;
    const found = performance.now();
    // Asked for at once with the facts, as each request takes its time; what it was is of no interest when all is over.
    const accepting = journal.accepted(this.#assigned.aggregateId);
    accepting.catch(() => undefined);
    const claimable = await journal.claimable(this.#assigned);
    const { decision } = claimable;
    if (decision.kind === 'over') return { kind: 'dropped' };
    const mayBeThere =
      decision.kind === 'adopt' && (decision.claim !== claim || this.#posted.has(this.#assigned.data.promptId));
    const plan = await this.#plan(await accepting, mayBeThere);
    if ('class' in plan) return { kind: 'failed', failure: plan };
    plan.progress.enter('waiting');
    // What is on the server already takes its place there, whether or not there is room.
    const began = performance.now();
    const atOnce = slots.free && socket.connected && began - found < MOMENT_MS;
    const giveBack = mayBeThere
      ? slots.force()
      : await slots.take(AbortSignal.any([this.#signal, this.#cancelled.signal]));
    if (!mayBeThere) this.#options.observer?.waited((performance.now() - began) / 1_000);
    if (giveBack === undefined) return { kind: this.#signal.aborted ? 'left' : 'dropped' };
    try {
      const submit = (): Promise<Posted> =>
        mayBeThere ? Promise.resolve('uncertain') : this.#claimAndSubmit(plan, claimable, atOnce);
      const end = await this.#runOnServer(plan, submit);
      if (end.kind === 'executed' || end.kind === 'failed') plan.progress.enter('ended', end.kind === 'executed');
      return end;
    } finally {
      giveBack();
    }
  }

  /** Loads and checks what is to be sent: only the prefixes of its save nodes may differ from what was accepted. */
  async #plan(accepted: Accepted, resumed: boolean): Promise<Plan | Failure> {
    const { blobs } = this.#options;
    const { attempt, variant: name } = this.#assigned.data;
    const jobId = this.#assigned.aggregateId;
    const variant = accepted.variants.find((candidate) => candidate.name === name);
    if (variant === undefined)
      return failure('internal', 'variant-unknown', `The job was accepted without a variant ${name}`);
    let body: ApiGraph;
    try {
      body = await loadBody(variant.graph, blobs, ApiGraph);
    } catch (error) {
      if (!isProblem(error, 'blob-not-found') && !isProblem(error, 'blob-corrupt')) throw error;
      return failure('internal', 'graph-unreadable', `The accepted graph cannot be read: ${error.message}`);
    }
    const hash = graphHash(body, accepted.outputs);
    if (hash !== variant.graphHash) {
      return failure('internal', 'graph-changed', `The graph's hash is ${hash}, but ${variant.graphHash} was accepted`);
    }
    const graph = withSavePrefixes(body, accepted.outputs, (node) => `anime/${jobId}/${attempt}/${node}`);
    const publish = (progress: Progress): void => {
      // The job may be on its next attempt by now.
      if (!this.#cancelled.signal.aborted) this.#options.publish(progress);
    };
    const { durations } = this.#options;
    const weights = progressWeights(graph, accepted.progress, durations);
    const progress = new ProgressPublisher({ jobId, attempt, graph, weights, resumed, publish, durations });
    return { accepted, graph, graphHash: hash, progress };
  }

  async #runOnServer(plan: Plan, submit: () => Promise<Posted>): Promise<End> {
    const { client, socket, journal } = this.#options;
    using previews = this.#previews();
    using follower = new PromptFollower({
      client,
      socket,
      promptId: this.#assigned.data.promptId,
      onMessage: (message) => plan.progress.onMessage(message),
      onPreview: previews?.onPreview,
      onLook: (look) =>
        plan.progress.enter(look.state === 'pending' || look.state === 'absent' ? 'waiting' : 'running'),
    });
    this.#cancelled.signal.addEventListener('abort', () => follower.cancel(), { once: true });
    const submitted = await submit();
    if (typeof submitted !== 'string') return submitted;
    this.#submitted = true;
    // A cancel may have come between the last look and the POST, also to another process.
    if (this.#cancelled.signal.aborted || !(await journal.isCurrent(this.#assigned))) follower.cancel();
    const began = performance.now();
    const followed = await follower.follow(submitted === 'queued', this.#signal);
    if (followed?.kind === 'ended') this.#options.observer?.prompted((performance.now() - began) / 1_000);
    return await this.#endOf(followed, plan);
  }

  /** The server makes a picture after each step, which costs it time: not for a prompt that has ended before somebody looks. */
  #wantsPreviews(graph: ApiGraph): boolean {
    const { publishPreview, durations } = this.#options;
    if (publishPreview === undefined) return false;
    const expected = durations === undefined ? undefined : expectedMs(graph, durations);
    return expected === undefined || expected >= SHORTEST_PREVIEWED_MS;
  }

  #previews(): PreviewPublisher | undefined {
    const { publishPreview: publish } = this.#options;
    if (publish === undefined) return undefined;
    const { aggregateId: jobId, data } = this.#assigned;
    return new PreviewPublisher({ jobId, attempt: data.attempt, publish, signal: this.#cancelled.signal });
  }

  /** @param atOnce true when nothing was waited for since the order was found to be current */
  async #claimAndSubmit(plan: Plan, claimable: Claimable, atOnce: boolean): Promise<Posted> {
    const { client, socket, journal, claim } = this.#options;
    const { attempt, executorId, promptId } = this.#assigned.data;
    await socket.ready(SOCKET_PATIENCE_MS);
    const asked = performance.now();
    const environment = await this.#options.environment?.current(
      AbortSignal.any([this.#signal, this.#cancelled.signal]),
    );
    const waited = performance.now() - asked > MOMENT_MS;
    // Time has passed in the line for a slot: the order may have been taken back.
    if ((!atOnce || waited) && !(await journal.isCurrent(this.#assigned))) return { kind: 'dropped' };
    if (this.#cancelled.signal.aborted) return { kind: 'dropped' };
    if (this.#signal.aborted) return { kind: 'left' };
    const decision = await journal.claim(this.#assigned, { claim, environment: environment ?? null }, claimable);
    if (decision.kind === 'over') return { kind: 'dropped' };
    if (decision.kind === 'adopt' || this.#posted.has(promptId)) return 'uncertain';
    if (this.#cancelled.signal.aborted) return { kind: 'dropped' };
    this.#posted.add(promptId);
    this.#submitted = true;
    const expectStatus = socket.expectStatus();
    const expectNumber = this.#options.environment?.expectNumber();
    const submitted = await submitPrompt(client, {
      graph: plan.graph,
      promptId,
      clientId: socket.clientId,
      tags: { anime: { executorId, jobId: this.#assigned.aggregateId, attempt } },
      previews: this.#wantsPreviews(plan.graph) ? 'latent2rgb' : 'none',
    });
    if (submitted.kind === 'queued') {
      expectStatus();
      expectNumber?.(submitted.number);
    }
    return submitted.kind === 'failed' ? submitted : submitted.kind;
  }

  async #endOf(followed: Followed | undefined, plan: Plan): Promise<End> {
    if (followed === undefined) return { kind: 'left' };
    if (followed.kind === 'stopped') return { kind: 'dropped' };
    if (followed.kind === 'vanished') {
      this.#options.environment?.restarted('it has forgotten a prompt');
      const message =
        'The server knows the prompt neither in its queue nor in its history: it was deleted, or the server restarted';
      return { kind: 'failed', failure: failure('transient', 'vanished', message) };
    }
    const verdict = verdictOf(followed.ended);
    switch (verdict.kind) {
      case 'success':
        return this.#collect(followed.ended, plan);
      case 'error':
        return { kind: 'failed', failure: failureOfException(verdict.error) };
      case 'interrupted': {
        // The answer to a cancel is the cancel's own; the order may have gone to another process than this one.
        if (this.#cancelled.signal.aborted || !(await this.#options.journal.isCurrent(this.#assigned)))
          return { kind: 'dropped' };
        return {
          kind: 'failed',
          failure: failure(
            'transient',
            'interrupted',
            'The prompt was interrupted on the server, but nobody ordered it here',
          ),
        };
      }
      case 'unknown':
        return {
          kind: 'failed',
          failure: failure('internal', 'no-verdict', 'The server says that the prompt ended, but not how'),
        };
    }
  }

  async #collect(ended: EndedPrompt, plan: Plan): Promise<End> {
    const { client, blobs } = this.#options;
    const { attempt, executorId, promptId, variant } = this.#assigned.data;
    plan.progress.enter('downloading');
    const { files, missing } = wantedFiles(plan.accepted.outputs, (node) => filesOf(ended, node));
    const [nodeId] = missing;
    if (nodeId !== undefined) {
      const message = `The prompt succeeded, but made no file for ${missing.map((node) => `node ${node}`).join(', ')}`;
      return { kind: 'failed', failure: failure('transient', 'output-missing', message, { nodeId }) };
    }
    const outputs = await fetchOutputs(files, client, blobs, this.#signal);
    if (outputs === undefined) return { kind: 'left' };
    if ('class' in outputs) return { kind: 'failed', failure: outputs };
    const cached = isFullyCached(plan.graph, plan.accepted.outputs, cachedNodes(ended));
    const ran = { attempt, executorId, promptId, variant, graphHash: plan.graphHash };
    return {
      kind: 'executed',
      data: {
        ...ran,
        cached,
        outputs: [...outputs],
        executionMs: executionMs(ended),
        cachedNodes: [],
        models: [],
        vramPeakBytes: null,
      },
    };
  }
}
