import {
  ENDED_STATUSES,
  ExecutorLostV1,
  ExecutorRecoveredV1,
  ExecutorRegisteredV1,
  JOB_STATUSES,
  SchedulerTermStartedV1,
  WorkflowRegisteredV2,
  type ApiGraph,
  type BodyOf,
  type JobStatus,
  type TemplateManifest,
} from '@anime/contracts';
import { isEvent, type LogEntry, type RecordedEvent } from '@anime/event-store/pure';
import type { ExecutorState } from '../executor/executor.js';
import { isJobEvent } from '../job/job-events.js';
import { evolveJob } from '../job/job.evolve.js';
import { NO_JOB, stageOf, statusOf, type JobEvent, type JobState } from '../job/job.state.js';
import type { ExecutorLoad } from '../scheduling/schedule.js';

/** A job that has not ended, with what a decision on it needs. */
export interface OpenJob {
  readonly jobId: string;
  readonly state: JobState;
  /** Position of its first event: its place in the queue. */
  readonly firstPosition: number;
  /** Last position on any of its subjects, void and fenced messages included: the expectation of the next decision. */
  readonly lastPosition: number;
  readonly correlationId: string;
  /** The newest event of the job: what a decision now is caused by. */
  readonly lastEventId: string;
  readonly traceparent: string | undefined;
}

export interface KnownTemplate {
  readonly manifest: TemplateManifest;
  readonly graph: BodyOf<ApiGraph>;
}

/** What the orchestrator must remember to go on from a position: plain data, stored as a snapshot. */
export interface OpenWorkSnapshot {
  readonly jobs: readonly OpenJob[];
  readonly executors: readonly ExecutorState[];
  readonly templates: readonly (readonly [string, KnownTemplate])[];
  readonly term: { readonly epoch: number; readonly leader: string } | null;
  readonly schedulerPosition: number;
}

/** Raised with every change of the fold or of the snapshot's shape. */
export const OPEN_WORK_FOLD_VERSION = 3;

/** The fold of the whole log that the orchestrator decides from. It holds open jobs only: ended ones are dropped. */
export class OpenWork {
  readonly #jobs = new Map<string, OpenJob>();
  /** In order of registration. */
  readonly #executors = new Map<string, ExecutorState>();
  readonly #templates = new Map<string, KnownTemplate>();
  #term: { epoch: number; leader: string } | null = null;
  #schedulerPosition = 0;
  readonly #schedulerId: string;

  /** @param schedulerId the scheduler whose terms this process begins: its positions are the expectations of terms */
  constructor(schedulerId: string) {
    this.#schedulerId = schedulerId;
  }

  static fromSnapshot(schedulerId: string, snapshot: OpenWorkSnapshot): OpenWork {
    const work = new OpenWork(schedulerId);
    for (const job of snapshot.jobs) work.#jobs.set(job.jobId, job);
    for (const executor of snapshot.executors) work.#executors.set(executor.executorId, executor);
    for (const [key, template] of snapshot.templates) work.#templates.set(key, template);
    work.#term = snapshot.term;
    work.#schedulerPosition = snapshot.schedulerPosition;
    return work;
  }

  toSnapshot(): OpenWorkSnapshot {
    return {
      jobs: [...this.#jobs.values()],
      executors: [...this.#executors.values()],
      templates: [...this.#templates],
      term: this.#term,
      schedulerPosition: this.#schedulerPosition,
    };
  }

  get term(): { readonly epoch: number; readonly leader: string } | null {
    return this.#term;
  }

  /** Last position on the scheduler's subjects: the expectation of the next term. */
  get schedulerPosition(): number {
    return this.#schedulerPosition;
  }

  job(jobId: string): OpenJob | undefined {
    return this.#jobs.get(jobId);
  }

  jobIds(): Iterable<string> {
    return this.#jobs.keys();
  }

  /** How many open jobs there are of each status; those of which there are none too. */
  countByStatus(): ReadonlyMap<JobStatus, number> {
    const counts = new Map<JobStatus, number>(
      JOB_STATUSES.filter((status) => !ENDED_STATUSES.includes(status)).map((status) => [status, 0]),
    );
    for (const { state } of this.#jobs.values()) {
      const status = statusOf(state);
      if (status !== undefined) counts.set(status, (counts.get(status) ?? 0) + 1);
    }
    return counts;
  }

  /** @param version of the template, as `job.requested` names it */
  template(slug: string, version: number): KnownTemplate | undefined {
    return this.#templates.get(`${slug}@${version}`);
  }

  /** The registered executors in order of registration, lost ones too. */
  executors(): readonly ExecutorState[] {
    return [...this.#executors.values()];
  }

  /** True when the attempt that the job waits for is on a lost executor. */
  isExecutorLost(job: OpenJob): boolean {
    return this.#executors.get(job.state.assignment?.executorId ?? '')?.lost === true;
  }

  /** The executors that may be given work in order of registration, each with its open assignments. */
  executorLoads(): ExecutorLoad[] {
    const present = this.executors().filter(({ lost }) => !lost);
    const open = new Map<string, number>(present.map(({ executorId }) => [executorId, 0]));
    for (const job of this.#jobs.values()) {
      const executorId = job.state.assignment?.executorId;
      if (executorId !== undefined && stageOf(job.state) === 'assigned' && open.has(executorId)) {
        open.set(executorId, (open.get(executorId) ?? 0) + 1);
      }
    }
    return [...open].map(([executorId, count]) => ({ executorId, open: count }));
  }

  /**
   * Folds one entry of the log.
   * @returns the jobs that it touched; `job()` knows one only while it is open
   */
  apply(entry: LogEntry): readonly string[] {
    if (entry.status === 'event') return this.#applyEvent(entry.event);
    return this.#applyMark(entry);
  }

  #applyEvent(event: RecordedEvent): readonly string[] {
    if (isJobEvent(event)) return this.#applyJobEvent(event);
    if (isEvent(event, WorkflowRegisteredV2)) {
      const { slug, version, manifest, graph } = event.data;
      this.#templates.set(`${slug}@${version}`, { manifest, graph });
    } else if (isEvent(event, ExecutorRegisteredV1)) {
      this.#applyToExecutor(event, { lost: false });
    } else if (isEvent(event, ExecutorRecoveredV1)) {
      this.#applyToExecutor(event, { lost: false });
    } else if (isEvent(event, ExecutorLostV1)) {
      this.#applyToExecutor(event, { lost: true });
      return this.#assignedTo(event.aggregateId);
    } else if (isEvent(event, SchedulerTermStartedV1)) {
      if (event.aggregateId === this.#schedulerId) this.#schedulerPosition = event.position;
      // Epochs are compared across schedulers, as fencing does.
      if (event.data.epoch > (this.#term?.epoch ?? 0))
        this.#term = { epoch: event.data.epoch, leader: event.data.leader };
    }
    return [];
  }

  /** A lost one is known before it is registered only in a log that was tampered with; then it is not one. */
  #applyToExecutor(event: RecordedEvent, { lost }: { readonly lost: boolean }): void {
    const { aggregateId: executorId, position: lastPosition } = event;
    if (!this.#executors.has(executorId) && !isEvent(event, ExecutorRegisteredV1)) return;
    this.#executors.set(executorId, { executorId, lost, lastPosition });
  }

  #assignedTo(executorId: string): string[] {
    return [...this.#jobs.values()]
      .filter(({ state }) => state.assignment?.executorId === executorId && stageOf(state) === 'assigned')
      .map(({ jobId }) => jobId);
  }

  #applyJobEvent(event: JobEvent): readonly string[] {
    const jobId = event.aggregateId;
    const known = this.#jobs.get(jobId);
    // Events of a job that is not open: it has ended (late facts are for the read-models), or it never began.
    if (known === undefined && event.type !== 'job.requested') return [];
    const state = evolveJob(known?.state ?? NO_JOB, event);
    if (stageOf(state) === 'ended') {
      this.#jobs.delete(jobId);
      return [jobId];
    }
    this.#jobs.set(jobId, {
      jobId,
      state,
      firstPosition: known?.firstPosition ?? event.position,
      lastPosition: event.position,
      correlationId: known?.correlationId ?? event.correlationId,
      lastEventId: event.id,
      traceparent: event.traceparent ?? known?.traceparent,
    });
    return [jobId];
  }

  /** A message without effect still counts for expectations, which are about the subjects `<root>.<aggregate>.<id>.>`. */
  #applyMark(entry: Exclude<LogEntry, { status: 'event' }>): readonly string[] {
    const [aggregate, id, producer] =
      entry.status === 'fenced'
        ? [entry.event.aggregate, entry.event.aggregateId, entry.event.producer]
        : entry.subject.split('.').slice(1, 4);
    if (producer === undefined || id === undefined) return [];
    if (aggregate === 'scheduler' && id === this.#schedulerId) this.#schedulerPosition = entry.position;
    const executor = aggregate === 'executor' ? this.#executors.get(id) : undefined;
    if (executor !== undefined) this.#executors.set(id, { ...executor, lastPosition: entry.position });
    const job = aggregate === 'job' ? this.#jobs.get(id) : undefined;
    if (job === undefined) return [];
    this.#jobs.set(job.jobId, { ...job, lastPosition: entry.position });
    return [job.jobId];
  }
}
