import type { BlobStore } from '@anime/blob-store';
import type { ComfyClient, ComfySocket } from '@anime/comfyui-client';
import { ApiGraph, type FailureClass, type Preview, type Progress } from '@anime/contracts';
import { loadBody } from '@anime/event-store';
import { isProblem } from '@anime/problem-details';
import { graphHash, withSavePrefixes } from '@anime/workflow-engine';
import { workerStopped, type Decline } from '../domain/attempt/decline.js';
import { failure, type Failure } from '../domain/attempt/failure.js';
import { neededBytes } from '../domain/attempt/memory.js';
import type { NodeDurations } from '../domain/attempt/node-durations.js';
import { expectedMs, progressWeights } from '../domain/attempt/progress-weights.js';
import type { EnvironmentWatch } from '../environment/environment-watch.js';
import type { ModelHashes, NotedModels } from '../environment/model-hashes.js';
import { endOf, type End } from './attempt-end.js';
import type { Accepted, Assigned, AttemptJournal, Claimable } from './attempt-journal.js';
import { PreviewPublisher } from './preview-publisher.js';
import { ProgressPublisher } from './progress-publisher.js';
import { PromptFollower } from './prompt-follower.js';
import type { ServerEntry } from './server-entry.js';
import type { Slots } from './slots.js';
import { submitPrompt } from './submit-prompt.js';
import { VramPeak } from './vram-peak.js';

/** Told how attempts go; a hook for metrics. Times in seconds. */
export interface AttemptObserver {
  executed(): void;
  failed(failureClass: FailureClass): void;
  /** Handed back before it was begun. */
  declined(reason: Decline['reason']): void;
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
  readonly server: ServerEntry;
  readonly publish: (progress: Progress) => void;
  readonly observer?: AttemptObserver | undefined;
  /** Knows in what environment attempts run; without it they name none. */
  readonly environment?: Pick<EnvironmentWatch, 'current'> | undefined;
  /** What this server's nodes took in earlier attempts; progress is weighed by it. */
  readonly durations?: NodeDurations | undefined;
  /** Content of the models that runs used. */
  readonly modelHashes?: Pick<ModelHashes, 'note' | 'ofRun' | 'forget'> | undefined;
  /** Sends pictures of the running prompt to its viewers; without it none are asked for. */
  readonly publishPreview?: ((preview: Preview) => void) | undefined;
  /** A prompt has met a GPU fault; its attempt fails when this is done. */
  readonly onGpuFault?: ((promptId: string, message: string) => Promise<void>) | undefined;
  /** An order is to be handed back because the server runs nothing any more; it is when this is done. */
  readonly onTurnedAway?: (() => Promise<void>) | undefined;
}

/** What an attempt is given by its runner. */
export interface AttemptRunOptions extends AttemptRunnerOptions {
  /** Bounds how many attempts fetch their outputs at a time: they hold no slot of the server any more. */
  readonly downloads: Slots;
}

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
  readonly #options: AttemptRunOptions;
  readonly #posted: Set<string>;
  readonly #assigned: Assigned;
  readonly #signal: AbortSignal;
  readonly #cancelled = new AbortController();
  #submitted = false;
  #models: NotedModels | undefined;
  #progress: ProgressPublisher | undefined;

  /**
   * @param posted prompts that this process has begun to POST; a claim of our own without a mark there was never sent
   * @param signal aborts when the service drains
   */
  constructor(options: AttemptRunOptions, posted: Set<string>, assigned: Assigned, signal: AbortSignal) {
    this.#options = options;
    this.#posted = posted;
    this.#assigned = assigned;
    this.#signal = signal;
  }

  /** True while the prompt is, or may be, on the server. */
  get submitted(): boolean {
    return this.#submitted;
  }

  /**
   * From now on the prompt is not sent any more, and stopped wherever it is found; nothing more is fetched, and viewers hear nothing
   * more of it.
   */
  cancel(): void {
    this.#cancelled.abort();
  }

  /** Its end stands in the log; before that, viewers are not told of it. */
  tellEnded(executed: boolean): void {
    this.#progress?.enter('ended', executed);
  }

  /** @throws what log and blob store throw: then nothing is decided, and the next delivery adopts */
  async run(): Promise<End> {
    const { journal, claim } = this.#options;
    const foundMs = performance.now();
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
    this.#progress = plan.progress;
    plan.progress.enter('waiting');
    const giveBack = await this.#takeSlot(mayBeThere);
    if (giveBack === undefined) return this.#cutShort(claimable);
    try {
      const submit = (follower: PromptFollower): Promise<Posted> =>
        mayBeThere ? Promise.resolve('uncertain') : this.#enterAndSubmit(plan, claimable, foundMs, follower);
      return await this.#runOnServer(plan, submit, giveBack);
    } finally {
      giveBack();
    }
  }

  /** What is on the server already takes its place there, whether or not there is room. A server that stopped has none. */
  async #takeSlot(mayBeThere: boolean): Promise<(() => void) | undefined> {
    const { slots, server, observer } = this.#options;
    if (mayBeThere) return slots.force();
    const beganMs = performance.now();
    const stopped = new AbortController();
    const unfollow = server.health.onStopped(() => stopped.abort());
    const giveBack = await slots.take(AbortSignal.any([this.#ending, stopped.signal]));
    unfollow();
    observer?.waited((performance.now() - beganMs) / 1_000);
    return giveBack;
  }

  /** Aborts when the service drains, or the attempt is taken back. */
  get #ending(): AbortSignal {
    return AbortSignal.any([this.#signal, this.#cancelled.signal]);
  }

  /** It was not begun: left for the next life, taken back, or not possible on a server that has stopped. */
  async #cutShort(claimable: Claimable): Promise<End> {
    const { stopped } = this.#options.server.health;
    if (this.#signal.aborted) return { kind: 'left' };
    if (this.#cancelled.signal.aborted || stopped === null) return { kind: 'dropped' };
    const posted = await this.#decline(workerStopped(stopped), claimable);
    // Claimed by another process meanwhile: that one follows it.
    return typeof posted === 'string' ? { kind: 'dropped' } : posted;
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

  /** @param giveBack its slot: called once the server is done with the prompt, so that the next one runs while outputs are fetched */
  async #runOnServer(
    plan: Plan,
    submit: (follower: PromptFollower) => Promise<Posted>,
    giveBack: () => void,
  ): Promise<End> {
    const { client, socket, server, journal, blobs, downloads } = this.#options;
    const { promptId } = this.#assigned.data;
    const { maxRunSeconds } = plan.accepted;
    using peak = new VramPeak(server.room);
    using previews = this.#previews();
    using follower = new PromptFollower({
      client,
      socket,
      health: server.health,
      promptId,
      maxRunMs: maxRunSeconds === null ? null : maxRunSeconds * 1_000,
      onMessage: (message) => {
        if (message.type === 'executing' && message.data.node !== null) peak.changed();
        plan.progress.onMessage(message);
      },
      onPreview: previews?.onPreview,
      onLook: ({ state }) => {
        if (state === 'running') peak.changed();
        plan.progress.enter(state === 'pending' || state === 'absent' ? 'waiting' : 'running');
      },
    });
    this.#cancelled.signal.addEventListener('abort', () => follower.cancel(), { once: true });
    const submitted = await submit(follower);
    if (typeof submitted !== 'string') return submitted;
    this.#submitted = true;
    const { boot } = server.memory;
    const leave = server.enter(promptId, plan.graph);
    let end: End | undefined;
    try {
      // A cancel may have come between the last look and the POST, also to another process.
      if (this.#cancelled.signal.aborted || !(await journal.isCurrent(this.#assigned))) follower.cancel();
      const beganMs = performance.now();
      const followed = await follower.follow(submitted === 'queued', this.#signal);
      this.#submitted = false;
      giveBack();
      // Nobody has memory freed before it was looked at; the outputs are fetched meanwhile.
      const vramPeak = followed?.kind === 'ended' ? peak.ended() : Promise.resolve(null);
      void vramPeak.then(leave);
      if (followed?.kind === 'ended') {
        server.memory.noteEnded(promptId);
        this.#options.observer?.prompted((performance.now() - beganMs) / 1_000);
      }
      const ran = { ...plan, assigned: this.#assigned, boot, models: this.#models, vramPeak };
      const places = {
        client,
        blobs,
        downloads,
        server,
        modelHashes: this.#options.modelHashes,
        isTakenBack: async () => this.#cancelled.signal.aborted || !(await journal.isCurrent(this.#assigned)),
        onDownload: () => plan.progress.enter('downloading'),
      };
      const ended = await endOf(followed, ran, places, this.#ending);
      // Who took it back answers for it, whatever came of it meanwhile.
      end = this.#cancelled.signal.aborted ? { kind: this.#signal.aborted ? 'left' : 'dropped' } : ended;
      return end;
    } finally {
      if (end?.kind !== 'executed' || this.#models === undefined)
        this.#options.modelHashes?.forget(server.modelsOf(plan.graph), this.#models);
      leave();
    }
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

  /** Sees to it that the server can run it, claims it and POSTs it; of several attempts one after the other. */
  async #enterAndSubmit(plan: Plan, claimable: Claimable, foundMs: number, follower: PromptFollower): Promise<Posted> {
    const { server } = this.#options;
    const ending = this.#ending;
    const next = await server.turn(ending);
    if (next === undefined) return this.#signal.aborted ? { kind: 'left' } : { kind: 'dropped' };
    try {
      const { vramGb, freeMemory } = this.#assigned.data;
      const needs = { graph: plan.graph, inputs: plan.accepted.inputs, bytes: neededBytes(vramGb), freeMemory };
      const obstacle = await server.prepare(needs, ending);
      if (this.#signal.aborted) return { kind: 'left' };
      if (this.#cancelled.signal.aborted) return { kind: 'dropped' };
      if (obstacle === undefined) return await this.#claimAndSubmit(plan, claimable, foundMs, follower);
      if ('class' in obstacle) return { kind: 'failed', failure: obstacle };
      return await this.#decline(obstacle, claimable);
    } finally {
      next();
    }
  }

  /** Hands the attempt back, unless it was claimed meanwhile: then it is looked for. */
  async #decline(decline: Decline, claimable: Claimable): Promise<Posted> {
    const { journal, observer, onTurnedAway } = this.#options;
    // What was taken back is nobody's to decline.
    if (!(await journal.isCurrent(this.#assigned))) return { kind: 'dropped' };
    if (decline.reason === 'worker-stopped') await onTurnedAway?.();
    const decision = await journal.decline(this.#assigned, decline, claimable);
    if (decision.kind === 'over') return { kind: 'dropped' };
    if (decision.kind === 'adopt') return 'uncertain';
    observer?.declined(decline.reason);
    return { kind: 'declined' };
  }

  /** @param foundMs when the order was found to be current (monotonic ms) */
  async #claimAndSubmit(plan: Plan, claimable: Claimable, foundMs: number, follower: PromptFollower): Promise<Posted> {
    const { client, socket, journal, server, claim, environment, modelHashes } = this.#options;
    const { attempt, executorId, promptId } = this.#assigned.data;
    await socket.ready(SOCKET_PATIENCE_MS);
    const [found = null, models] = await Promise.all([
      environment?.current(this.#ending),
      modelHashes?.note(server.modelsOf(plan.graph)),
    ]);
    // Time may have passed in the line for a slot, or at the door: the order may have been taken back.
    const atOnce = performance.now() - foundMs < MOMENT_MS;
    if (!atOnce && !(await journal.isCurrent(this.#assigned))) return { kind: 'dropped' };
    if (this.#cancelled.signal.aborted) return { kind: 'dropped' };
    if (this.#signal.aborted) return { kind: 'left' };
    const by = { claim, environment: found };
    const decision = await journal.claim(this.#assigned, by, claimable);
    if (decision.kind === 'over') return { kind: 'dropped' };
    if (decision.kind === 'adopt' || this.#posted.has(promptId)) return 'uncertain';
    if (this.#cancelled.signal.aborted) return { kind: 'dropped' };
    this.#models = models;
    this.#posted.add(promptId);
    this.#submitted = true;
    const expectStatus = socket.expectStatus();
    const { clientId } = socket;
    follower.sentAs(clientId);
    const submitted = await submitPrompt(client, {
      graph: plan.graph,
      inputs: plan.accepted.inputs.map(({ name }) => name),
      promptId,
      clientId,
      tags: { anime: { executorId, jobId: this.#assigned.aggregateId, attempt } },
      previews: this.#wantsPreviews(plan.graph) ? 'latent2rgb' : 'none',
    });
    if (submitted.kind === 'queued') {
      expectStatus();
      server.memory.noteQueued(submitted.number);
    }
    if (submitted.kind === 'failed') server.refused();
    return submitted.kind === 'failed' ? submitted : submitted.kind;
  }
}
