import { JobRetryRequestedV1, type ApiGraph, type BodyOf } from '@anime/contracts';
import { SPANS } from '@anime/contracts/telemetry';
import {
  inSpan,
  isEvent,
  traceContextOf,
  uuidv7,
  type Batch,
  type Checkpoint,
  type EventLog,
  type LogEntry,
} from '@anime/event-store';
import { isProblem } from '@anime/problem-details';
import { decideExecutor } from '../domain/executor/executor.js';
import { nextStep, type NextStep } from '../domain/job/next-step.js';
import type { JobCommand } from '../domain/job/job.decide.js';
import { nextAssignment, strandedBy } from '../domain/job/job.state.js';
import { OpenWork, type OpenJob } from '../domain/open-work/open-work.js';
import { schedule } from '../domain/scheduling/schedule.js';
import { prepareAcceptance } from './acceptance.js';
import { DecisionWriter } from './decision-writer.js';
import type { ExecutorWatch } from './executor-watch.js';
import type { Leadership } from './leadership.js';

export interface OrchestratorDeps {
  readonly log: EventLog;
  readonly leadership: Leadership;
  readonly schedulerId: string;
  readonly loadGraph: (body: BodyOf<ApiGraph>) => Promise<ApiGraph>;
  readonly spillGraph: (graph: ApiGraph) => Promise<BodyOf<ApiGraph>>;
  readonly promptIdOf: (jobId: string, attempt: number) => string;
  readonly now: () => Date;
  readonly chance: () => number;
  readonly onDecision: (type: string) => void;
  readonly onError: (jobId: string, error: unknown) => void;
  /** Nothing at all could be decided just now. */
  readonly onTrouble: (error: unknown) => void;
  readonly scorerLimitMs: number;
  readonly maxAttempts: number;
  readonly executorWatch: ExecutorWatch;
  /** An executor that is silent for so long is lost. */
  readonly executorLimitMs: number;
  /** An executor whose server does not answer it for so long is lost, too. */
  readonly serverLimitMs: number;
}

const ACTOR = 'service:orchestrator';
/** How many decisions are on their way at once. */
const PARALLEL_DECISIONS = 64;

/**
 * The process manager: folds the log into `OpenWork` and, while it leads, appends what is due. It never folds its own
 * decisions ahead of the log: a job with a decision on its way rests until the log has shown it.
 */
export class OrchestratorProcess {
  readonly #deps: OrchestratorDeps;
  #writer: DecisionWriter;
  #work: OpenWork;
  #checkpoint: Checkpoint = { position: 0, eventId: '' };
  #caughtUp = false;
  /** Jobs to look at: touched by an event since the last look. */
  readonly #touched = new Set<string>();
  /** Jobs that need a look at an instant, without any event. */
  readonly #timers = new Map<string, string>();
  readonly #queue = new Set<string>();
  #deciding: Promise<void> | undefined;
  #wanted = false;

  constructor(deps: OrchestratorDeps) {
    this.#deps = deps;
    this.#writer = new DecisionWriter(deps);
    this.#work = new OpenWork(deps.schedulerId);
  }

  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }

  /** Jobs that it will look at again: how much it remembers beside the open work. */
  get watched(): number {
    return this.#touched.size + this.#timers.size + this.#queue.size;
  }

  get work(): OpenWork {
    return this.#work;
  }

  /**
   * Begins from a snapshot (or from nothing): everything in it is looked at once caught up. The log may be an older copy, so
   * nothing counts any more that was on its way.
   */
  restore(work: OpenWork, checkpoint: Checkpoint): void {
    this.#work = work;
    this.#checkpoint = checkpoint;
    this.#caughtUp = false;
    this.#writer = new DecisionWriter(this.#deps);
    this.#deps.leadership.reset();
    this.#touched.clear();
    this.#timers.clear();
    this.#queue.clear();
    for (const jobId of work.jobIds()) this.#touched.add(jobId);
  }

  /** Folds a batch of the log; decides when nothing lies behind it. */
  async onBatch(batch: Batch): Promise<void> {
    for (const entry of batch.entries) {
      await this.#recall(entry);
      for (const jobId of this.#work.apply(entry)) {
        if (this.#work.job(jobId) !== undefined) this.#touched.add(jobId);
        else this.#forget(jobId);
      }
    }
    this.#checkpoint = batch.checkpoint;
    this.#writer.seen(batch.checkpoint.position);
    this.#caughtUp = batch.caughtUp;
    // What cannot be decided now is decided at the next tick; the fold is right all the same and must not begin anew.
    if (batch.caughtUp) await this.decide().catch((error: unknown) => this.#deps.onTrouble(error));
  }

  /**
   * A job that is wanted again after it failed is no longer in the fold: its own events bring it back.
   * @throws ProblemError when the log cannot be read: the batch comes again
   */
  async #recall(entry: LogEntry): Promise<void> {
    if (entry.status !== 'event' || !isEvent(entry.event, JobRetryRequestedV1)) return;
    const { aggregateId, position } = entry.event;
    if (this.#work.job(aggregateId) !== undefined) return;
    const history: LogEntry[] = [];
    for await (const each of this.#deps.log.readAggregate('job', aggregateId)) {
      if (each.position < position) history.push(each);
    }
    this.#work.recall(history);
  }

  /**
   * Decides what is due now. Called after each batch and at intervals, for what becomes due by time alone. One round at a
   * time, as two would plan the same assignments; calls during a round lead to one more round.
   * @throws ProblemError when the log cannot be written, e.g. to begin a term
   */
  async decide(): Promise<void> {
    this.#wanted = true;
    this.#deciding ??= this.#decideWhileWanted().finally(() => {
      this.#deciding = undefined;
    });
    await this.#deciding;
  }

  async #decideWhileWanted(): Promise<void> {
    while (this.#wanted) {
      this.#wanted = false;
      await this.#decideOnce();
    }
  }

  async #decideOnce(): Promise<void> {
    if (!this.#caughtUp) return;
    const work = this.#work;
    const epoch = await this.#deps.leadership.epoch(work);
    if (epoch === undefined || work !== this.#work) return;
    const now = this.#deps.now().toISOString();
    // What was said of an executor decides over its jobs: they are looked at when the log has shown it.
    if (await this.#judgeExecutors(work, now, epoch)) return;
    if (work !== this.#work) return;
    this.#wakeTimers(now);
    const due: { job: OpenJob; step: NextStep }[] = [];
    for (const jobId of this.#touched) {
      const job = this.#work.job(jobId);
      if (job !== undefined && this.#writer.isPending(job)) continue;
      this.#forget(jobId);
      if (job === undefined) continue;
      const step = nextStep(job.state, now, this.#deps.scorerLimitMs, work.isExecutorLost(job));
      if (step.kind === 'queue') this.#queue.add(jobId);
      else if (step.kind === 'wait') {
        if (step.until !== undefined) this.#timers.set(jobId, step.until);
      } else due.push({ job, step });
    }
    for (let at = 0; at < due.length; at += PARALLEL_DECISIONS) {
      await Promise.all(
        due.slice(at, at + PARALLEL_DECISIONS).map(({ job, step }) => this.#settle(job, step, now, epoch)),
      );
    }
    await this.#abandon(now, epoch);
    await this.#assign(now, epoch);
  }

  /** Jobs that waited for executors which do not come back. */
  async #abandon(now: string, epoch: number): Promise<void> {
    const candidates = this.#work.executors();
    for (const jobId of this.#queue) {
      const job = this.#work.job(jobId);
      if (job === undefined || strandedBy(job.state, candidates, now) === undefined) continue;
      this.#queue.delete(jobId);
      await inDecision(job, 'abandon', () => this.#write(job, { kind: 'AbandonJob', now, candidates }, epoch));
    }
  }

  /**
   * Says of each executor when it is lost, and when it is heard again. A conflict is looked at again at the next tick.
   * @returns whether something was said
   */
  async #judgeExecutors(work: OpenWork, now: string, epoch: number): Promise<boolean> {
    const { log, executorWatch, executorLimitMs, serverLimitMs } = this.#deps;
    const limits = { silentMs: executorLimitMs, unreachableMs: serverLimitMs };
    let said = false;
    for (const executor of work.executors()) {
      if (work !== this.#work) break;
      const observed = executorWatch.observe(executor.executorId);
      if (observed === undefined) continue;
      const decision = decideExecutor(executor, observed, limits);
      if (decision.kind !== 'event') continue;
      const id = uuidv7();
      const { contract, data } = decision;
      const meta = { aggregateId: executor.executorId, id, time: now, correlationId: id, actor: ACTOR, epoch };
      const expect = { scope: 'aggregate', lastPosition: executor.lastPosition } as const;
      try {
        await log.append({ contract, data, ...meta }, { expect });
        said = true;
      } catch (error) {
        if (!isProblem(error, 'append-conflict')) throw error;
      }
    }
    return said;
  }

  /** Decides nothing any more: what lies ahead in the log is not for this build. */
  rest(): void {
    this.#caughtUp = false;
  }

  #wakeTimers(now: string): void {
    for (const [jobId, until] of this.#timers) if (until <= now) this.#touched.add(jobId);
  }

  async #assign(now: string, epoch: number): Promise<void> {
    const waiting = [...this.#queue]
      .map((jobId) => this.#work.job(jobId))
      .filter((job): job is OpenJob => job !== undefined)
      .sort((a, b) => a.firstPosition - b.firstPosition)
      .map((job) => ({ job, demand: this.#work.demandOf(job, now) }));
    const demands = new Map(waiting.map(({ job, demand }) => [job.jobId, demand]));
    const queue = waiting.map(({ job, demand }) => this.#work.queued(job, demand));
    const loads = this.#work.executorLoads(now, (executorId) => this.#writer.pendingAssignments(executorId));
    await Promise.all(
      schedule(
        queue,
        loads,
        this.#work.roomInProjects((job) => this.#writer.isPending(job)),
      ).map(async ({ jobId, executorId }) => {
        const [job, demand] = [this.#work.job(jobId), demands.get(jobId)];
        if (job === undefined || demand === undefined) return;
        this.#queue.delete(jobId);
        const { attempt } = nextAssignment(job.state);
        const promptId = this.#deps.promptIdOf(jobId, attempt);
        await inDecision(job, 'assign', () =>
          this.#write(job, { kind: 'AssignJob', executorId, promptId, demand, now }, epoch),
        );
      }),
    );
  }

  #settle(job: OpenJob, step: NextStep, now: string, epoch: number): Promise<void> {
    return inDecision(job, step.kind, async () => {
      const command = await this.#commandFor(job, step, now);
      if (command !== undefined) await this.#write(job, command, epoch);
    });
  }

  async #commandFor(job: OpenJob, step: NextStep, now: string): Promise<JobCommand | undefined> {
    switch (step.kind) {
      case 'accept':
        return await prepareAcceptance(job, this.#work, this.#deps).catch((error: unknown) => {
          // E.g. a template's graph that cannot be read now: the job waits and is looked at again.
          this.#deps.onError(job.jobId, error);
          this.#retryLater(job.jobId);
          return undefined;
        });
      case 'cancel':
        return { kind: 'CancelJob' };
      case 'order-cancel':
        return { kind: 'OrderCancel' };
      case 'lose-attempt':
        return { kind: 'LoseAttempt' };
      case 'settle-failure':
        return {
          kind: 'SettleFailure',
          now,
          chance: this.#deps.chance(),
          gpuBytes: this.#work.gpuBytesTried(job),
          candidates: this.#work.executors(),
        };
      case 'gate':
        return { kind: 'GateOutputs', scorerAbsent: step.scorerAbsent };
      case 'complete':
        return { kind: 'CompleteJob' };
      case 'fail-unorganised':
        return { kind: 'FailUnorganised' };
      case 'queue':
      case 'wait':
        return undefined;
    }
  }

  async #write(job: OpenJob, command: JobCommand, epoch: number): Promise<void> {
    // An event of the job or another fold came since the look: the job is touched, and is looked at again.
    if (this.#work.job(job.jobId) !== job) return;
    const outcome = await this.#writer.write(job, command, epoch);
    // Once written, the decision itself touches the job when the log shows it. Else an event that was not seen is on its
    // way, or the clock stepped back, or the log cannot be written: somebody must look again in any case.
    if (outcome.kind === 'written') return;
    if (outcome.kind === 'failed') this.#deps.onError(job.jobId, outcome.error);
    this.#retryLater(job.jobId);
  }

  #forget(jobId: string): void {
    this.#touched.delete(jobId);
    this.#queue.delete(jobId);
    this.#timers.delete(jobId);
  }

  #retryLater(jobId: string): void {
    this.#timers.set(jobId, new Date(this.#deps.now().getTime() + 1_000).toISOString());
  }
}

/** Decides inside a span that goes on from the job's newest event. */
function inDecision(
  job: OpenJob,
  step: NextStep['kind'] | 'assign' | 'abandon',
  decide: () => Promise<void>,
): Promise<void> {
  return inSpan(
    SPANS.decide,
    {
      name: { step },
      parent: traceContextOf(job),
      attributes: {
        'messaging.system': 'nats',
        'messaging.operation.name': 'decide',
        'messaging.operation.type': 'process',
        'messaging.message.id': job.lastEventId,
        'anime.aggregate.id': job.jobId,
      },
    },
    decide,
  );
}
