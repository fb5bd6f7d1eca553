import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@anime/blob-store';
import { cachedNodes, executionMs, filesOf, verdictOf, type ComfyClient, type ComfySocket, type EndedPrompt } from '@anime/comfyui-client';
import { ApiGraph, type EventData, type JobExecutedV1, type Progress } from '@anime/contracts';
import { loadBody } from '@anime/event-store';
import { DONE, type Outcome, type ReactorContext } from '@anime/messaging';
import { isProblem } from '@anime/problem-details';
import { graphHash, withSavePrefixes } from '@anime/workflow-engine';
import { failure, failureOfException, type Failure } from '../domain/attempt/failure.js';
import { isFullyCached, wantedFiles } from '../domain/attempt/wanted-outputs.js';
import type { Accepted, Assigned, AttemptJournal, CancelOrdered, Order } from './attempt-journal.js';
import { fetchOutputs } from './fetch-outputs.js';
import { ProgressPublisher } from './progress-publisher.js';
import { PromptFollower } from './prompt-follower.js';
import type { Slots } from './slots.js';
import { submitPrompt } from './submit-prompt.js';

export interface AttemptRunnerOptions {
  /** Random id of this process: what makes a `started` its own. */
  readonly claim: string;
  readonly client: ComfyClient;
  readonly socket: ComfySocket;
  readonly journal: AttemptJournal;
  readonly blobs: BlobStore;
  readonly slots: Slots;
  readonly publish: (progress: Progress) => void;
}

/** How long a cancel waits for the run beside it to end, before it answers for itself. */
const CANCEL_PATIENCE_MS = 10_000;
const CANCEL_RETRY_MS = 2_000;

/** How a run ended: a fact to record, or nothing, because somebody else answers for the attempt. */
type End =
  | { readonly kind: 'executed'; readonly data: EventData<typeof JobExecutedV1> }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** No longer ours to answer: cancelled, ended or superseded. */
  | { readonly kind: 'dropped' }
  /** The service drains; the prompt goes on and is adopted at the next start. */
  | { readonly kind: 'left' };

interface Plan {
  readonly accepted: Accepted;
  /** With the save prefixes of this attempt. */
  readonly graph: ApiGraph;
  readonly graphHash: string;
}

interface Running {
  readonly jobId: string;
  readonly cancel: AbortController;
  readonly finished: Promise<void>;
  /** True once executed or attempt-failed stands in the log. */
  recorded: boolean;
  /** True while the prompt is, or may be, on the server. */
  submitted: boolean;
}

/**
 * Runs the attempts of one ComfyUI server so that each is POSTed once at most, whatever dies in between: `started` is
 * stored before the POST, and an attempt that has one is only ever looked for (architecture §6).
 */
export class AttemptRunner {
  readonly #options: AttemptRunnerOptions;
  readonly #running = new Map<string, Running>();
  /** Prompts that this process has begun to POST; a claim of our own without a mark here was never sent. */
  readonly #posted = new Set<string>();

  constructor(options: AttemptRunnerOptions) {
    this.#options = options;
  }

  /** The job whose prompt is on the server longest; null when there is none. */
  get currentJobId(): string | null {
    for (const running of this.#running.values()) if (running.submitted) return running.jobId;
    return null;
  }

  isRunning(promptId: string): boolean {
    return this.#running.has(promptId);
  }

  /**
   * Runs an assigned attempt to its end; acknowledge it only then.
   * @throws what log and blob store throw: then nothing is decided, and the next delivery adopts
   */
  async onAssigned(assigned: Assigned, context: Pick<ReactorContext, 'signal'>): Promise<Outcome> {
    const { promptId } = assigned.data;
    // A redelivered message must not run beside the handler that lost it and is about to stop.
    for (let other = this.#running.get(promptId); other !== undefined; other = this.#running.get(promptId)) await other.finished;
    const { promise: finished, resolve } = Promise.withResolvers<void>();
    const running: Running = { jobId: assigned.aggregateId, cancel: new AbortController(), finished, recorded: false, submitted: false };
    this.#running.set(promptId, running);
    try {
      const end = await this.#run(assigned, running, context.signal);
      if (end.kind === 'left') return { kind: 'retry', error: new Error('the executor is stopping'), delayMs: 0 };
      if (end.kind === 'executed') await this.#options.journal.executed(assigned, end.data);
      if (end.kind === 'failed') await this.#options.journal.failed(assigned, end.failure);
      running.recorded = end.kind !== 'dropped';
      this.#posted.delete(promptId);
      return DONE;
    } finally {
      this.#running.delete(promptId);
      resolve();
    }
  }

  /**
   * Stops an attempt, wherever it is, and answers for it unless it ended first. Goes on until the server has answered:
   * a prompt that was cancelled must not be left running.
   */
  async onCancelOrdered(ordered: CancelOrdered, context: Pick<ReactorContext, 'signal'>): Promise<Outcome> {
    const { attempt, promptId } = ordered.data;
    const running = this.#running.get(promptId);
    running?.cancel.abort();
    const stopped = await this.#stop(promptId);
    if (running !== undefined) await settled(running.finished, CANCEL_PATIENCE_MS, context.signal);
    if (context.signal.aborted) return { kind: 'retry', error: new Error('the executor is stopping'), delayMs: 0 };
    if (running?.recorded !== true && !(await this.#options.journal.hasEnded(ordered.aggregateId, attempt))) {
      const later = 'The attempt was cancelled; ComfyUI does not answer, so its prompt is stopped as soon as it does';
      const message = stopped ? 'The attempt was cancelled as ordered' : later;
      await this.#options.journal.failed(ordered, failure('cancelled', 'cancelled', message));
    }
    return stopped ? DONE : { kind: 'retry', error: new Error('ComfyUI does not answer'), delayMs: CANCEL_RETRY_MS };
  }

  /** Gives an order up: the attempt ends as `internal`, its dead letter. */
  async park(order: Order, error: unknown, deliveries: number): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    await this.#options.journal.failed(order, failure('internal', 'parked', `Given up after ${deliveries} deliveries: ${reason}`));
  }

  /** @returns false when the server does not answer */
  async #stop(promptId: string): Promise<boolean> {
    try {
      await this.#options.client.cancel(promptId);
      return true;
    } catch (error) {
      if (isProblem(error, 'comfyui-unavailable')) return false;
      throw error;
    }
  }

  async #run(assigned: Assigned, running: Running, signal: AbortSignal): Promise<End> {
    const { client, socket, journal, slots, claim, publish } = this.#options;
    const { attempt, promptId } = assigned.data;
    const jobId = assigned.aggregateId;
    const before = await journal.claimable(assigned);
    if (before.kind === 'over') return { kind: 'dropped' };
    const plan = await this.#plan(assigned);
    if ('class' in plan) return { kind: 'failed', failure: plan };
    // What is on the server already takes its place there, whether or not there is room.
    const mayBeThere = before.kind === 'adopt' && (before.claim !== claim || this.#posted.has(promptId));
    const progress = new ProgressPublisher({
      jobId,
      attempt,
      graph: plan.graph,
      weights: plan.accepted.progress,
      resumed: mayBeThere,
      publish,
    });
    progress.enter('waiting');

    const giveBack = mayBeThere ? slots.force() : await slots.take(AbortSignal.any([signal, running.cancel.signal]));
    if (giveBack === undefined) return signal.aborted ? { kind: 'left' } : { kind: 'dropped' };
    try {
      using follower = new PromptFollower({
        client,
        socket,
        promptId,
        onMessage: (message) => progress.onMessage(message),
        onLook: (look) => progress.enter(look.state === 'pending' || look.state === 'absent' ? 'waiting' : 'running'),
      });
      running.cancel.signal.addEventListener('abort', () => follower.cancel(), { once: true });
      const submitted = mayBeThere ? 'uncertain' : await this.#claimAndSubmit(assigned, plan, running, signal);
      if (typeof submitted !== 'string') return submitted;
      running.submitted = true;
      if (running.cancel.signal.aborted || !(await journal.isCurrent(assigned))) follower.cancel();
      const followed = await follower.follow(submitted === 'queued', signal);
      const end = await this.#endOf(followed, assigned, plan, running, progress, signal);
      if (end.kind !== 'left') progress.enter('ended', end.kind === 'executed');
      return end;
    } finally {
      giveBack();
    }
  }

  /** Load and check what is to be sent: only the prefixes of its save nodes may differ from what was accepted. */
  async #plan(assigned: Assigned): Promise<Plan | Failure> {
    const { attempt, variant: name } = assigned.data;
    const accepted = await this.#options.journal.accepted(assigned.aggregateId);
    const variant = accepted.variants.find((candidate) => candidate.name === name);
    if (variant === undefined) return failure('internal', 'variant-unknown', `The job was accepted without a variant ${name}`);
    let body: ApiGraph;
    try {
      body = await loadBody(variant.graph, this.#options.blobs, ApiGraph);
    } catch (error) {
      if (!isProblem(error, 'blob-not-found') && !isProblem(error, 'blob-corrupt')) throw error;
      return failure('internal', 'graph-unreadable', `The accepted graph cannot be read: ${error.message}`);
    }
    const hash = graphHash(body, accepted.outputs);
    if (hash !== variant.graphHash) {
      return failure('internal', 'graph-changed', `The graph's hash is ${hash}, but ${variant.graphHash} was accepted`);
    }
    const prefixOf = (node: string): string => `anime/${assigned.aggregateId}/${attempt}/${node}`;
    return { accepted, graph: withSavePrefixes(body, accepted.outputs, prefixOf), graphHash: hash };
  }

  /** @returns whether the prompt was queued, or may have been; an End when it was not */
  async #claimAndSubmit(assigned: Assigned, plan: Plan, running: Running, signal: AbortSignal): Promise<'queued' | 'uncertain' | End> {
    const { client, socket, journal, claim } = this.#options;
    const { attempt, executorId, promptId } = assigned.data;
    await socket.ready(1_000);
    // Time has passed in the queue for a slot: the order may have been taken back.
    if (!(await journal.isCurrent(assigned)) || running.cancel.signal.aborted) return { kind: 'dropped' };
    if (signal.aborted) return { kind: 'left' };
    const decision = await journal.claim(assigned, claim);
    if (decision.kind === 'over') return { kind: 'dropped' };
    if (decision.kind === 'adopt' || this.#posted.has(promptId)) return 'uncertain';
    if (running.cancel.signal.aborted) return { kind: 'dropped' };
    this.#posted.add(promptId);
    running.submitted = true;
    const submitted = await submitPrompt(client, {
      graph: plan.graph,
      promptId,
      clientId: socket.clientId,
      tags: { anime: { executorId, jobId: assigned.aggregateId, attempt } },
    });
    return submitted.kind === 'failed' ? submitted : submitted.kind;
  }

  async #endOf(
    followed: Awaited<ReturnType<PromptFollower['follow']>>,
    assigned: Assigned,
    plan: Plan,
    running: Running,
    progress: ProgressPublisher,
    signal: AbortSignal,
  ): Promise<End> {
    if (followed === undefined) return { kind: 'left' };
    if (followed.kind === 'stopped') return { kind: 'dropped' };
    if (followed.kind === 'vanished') {
      const message = 'The server knows the prompt neither in its queue nor in its history: it was deleted, or the server restarted';
      return { kind: 'failed', failure: failure('transient', 'vanished', message) };
    }
    const verdict = verdictOf(followed.ended);
    switch (verdict.kind) {
      case 'success':
        return this.#collect(followed.ended, assigned, plan, progress, signal);
      case 'error':
        return { kind: 'failed', failure: failureOfException(verdict.error) };
      case 'interrupted': {
        // The answer to a cancel is the cancel's own; the order may have gone to another process than this one.
        if (running.cancel.signal.aborted || !(await this.#options.journal.isCurrent(assigned))) return { kind: 'dropped' };
        return { kind: 'failed', failure: failure('transient', 'interrupted', 'The prompt was interrupted on the server, but nobody ordered it here') };
      }
      case 'unknown':
        return { kind: 'failed', failure: failure('internal', 'no-verdict', 'The server says that the prompt ended, but not how') };
    }
  }

  async #collect(ended: EndedPrompt, assigned: Assigned, plan: Plan, progress: ProgressPublisher, signal: AbortSignal): Promise<End> {
    const { attempt, executorId, promptId, variant } = assigned.data;
    progress.enter('downloading');
    const { files, missing } = wantedFiles(plan.accepted.outputs, (node) => filesOf(ended, node));
    if (missing.length > 0) {
      const message = `The prompt succeeded, but made no file for ${missing.map((node) => `node ${node}`).join(', ')}`;
      return { kind: 'failed', failure: failure('transient', 'output-missing', message, { nodeId: missing[0] ?? '' }) };
    }
    const outputs = await fetchOutputs(files, this.#options.client, this.#options.blobs, signal);
    if (outputs === undefined) return { kind: 'left' };
    if ('class' in outputs) return { kind: 'failed', failure: outputs };
    const cached = isFullyCached(plan.graph, plan.accepted.outputs, cachedNodes(ended));
    const data = { attempt, executorId, promptId, variant, graphHash: plan.graphHash, cached, outputs: [...outputs], executionMs: executionMs(ended) };
    return { kind: 'executed', data };
  }
}

/** Waits for a promise, a time or a signal, whichever is first. */
async function settled(promise: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  const timer = new AbortController();
  const pause = delay(ms, undefined, { signal: AbortSignal.any([signal, timer.signal]) }).catch(() => undefined);
  await Promise.race([promise, pause]);
  timer.abort();
}
