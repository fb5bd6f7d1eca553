import {
  ENDED_STATUSES,
  ExecutorLostV1,
  JOB_STATUSES,
  ProjectCreatedV2,
  ProjectSettingsChangedV2,
  SchedulerTermStartedV1,
  WorkflowRegisteredV2,
  type ApiGraph,
  type BodyOf,
  type JobStatus,
  type TemplateManifest,
} from '@anime/contracts';
import { isEvent, type LogEntry, type RecordedEvent } from '@anime/event-store/pure';
import { isUsable, type ExecutorState, type MemoryShortage } from '../executor/executor.js';
import { evolveExecutor } from '../executor/executor.evolve.js';
import { isJobEvent } from '../job/job-events.js';
import { evolveJob } from '../job/job.evolve.js';
import type { Demand } from '../job/job.decide.js';
import { NO_JOB, nextAssignment, stageOf, statusOf, trialsOf, type JobEvent, type JobState } from '../job/job.state.js';
import { refusals } from '../job/next-try.js';
import { bytesOf } from '../memory/bytes.js';
import { footprintOf, LearnedMemory, type LearnedMemorySnapshot } from '../memory/learned-memory.js';
import { mayProbe, shortageAfter } from '../memory/memory-shortage.js';
import { demandOf, gpuBytesTried } from './demand.js';
import type { ExecutorLoad, QueuedJob } from '../scheduling/schedule.js';

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
  /** The graph that needs less memory; null when there is none. */
  readonly lowMemory: { readonly graph: BodyOf<ApiGraph> } | null;
}

/** What the orchestrator must remember to go on from a position: plain data, stored as a snapshot. */
export interface OpenWorkSnapshot {
  readonly jobs: readonly OpenJob[];
  readonly executors: readonly ExecutorState[];
  readonly templates: readonly (readonly [string, KnownTemplate])[];
  /** How many jobs of a project may run at a time, by its id. */
  readonly runningLimits: readonly (readonly [string, number])[];
  readonly learned: LearnedMemorySnapshot;
  readonly term: { readonly epoch: number; readonly leader: string } | null;
  readonly schedulerPosition: number;
}

/** Raised with every change of the fold or of the snapshot's shape. */
export const OPEN_WORK_FOLD_VERSION = 6;

/** The fold of the whole log that the orchestrator decides from. It holds open jobs only: ended ones are dropped. */
export class OpenWork {
  readonly #jobs = new Map<string, OpenJob>();
  /** In order of registration. */
  readonly #executors = new Map<string, ExecutorState>();
  readonly #templates = new Map<string, KnownTemplate>();
  readonly #runningLimits = new Map<string, number>();
  #learned = new LearnedMemory();
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
    for (const [project, limit] of snapshot.runningLimits) work.#runningLimits.set(project, limit);
    work.#learned = new LearnedMemory(snapshot.learned);
    work.#term = snapshot.term;
    work.#schedulerPosition = snapshot.schedulerPosition;
    return work;
  }

  toSnapshot(): OpenWorkSnapshot {
    return {
      jobs: [...this.#jobs.values()],
      executors: [...this.#executors.values()],
      templates: [...this.#templates],
      runningLimits: [...this.#runningLimits],
      learned: this.#learned.toSnapshot(),
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
    return (this.#executors.get(job.state.assignment?.executorId ?? '')?.lostAt ?? null) !== null;
  }

  /**
   * The executors that may be given work in order of registration, each with its open assignments.
   * @param now ISO instant
   * @param pending what assignments to an executor need that are on their way: bytes of free memory of each
   */
  executorLoads(now: string, pending: (executorId: string) => readonly number[]): ExecutorLoad[] {
    const present = this.executors().filter(isUsable);
    const assigned = new Map<string, JobState[]>(present.map(({ executorId }) => [executorId, []]));
    for (const { state } of this.#jobs.values())
      if (stageOf(state) === 'assigned') assigned.get(state.assignment?.executorId ?? '')?.push(state);
    return present.map(({ executorId, vramBytes, shortage }) => {
      const there = assigned.get(executorId) ?? [];
      const onTheirWay = pending(executorId);
      const open = there.length + onTheirWay.length;
      if (shortage === null) return { executorId, vramBytes, open, shortage };
      // One at a time: whoever waits at its door now will tell.
      const { bytes } = shortage;
      const asked = onTheirWay.some((need) => need >= bytes) || there.some((state) => isProbe(state, shortage));
      return { executorId, vramBytes, open, shortage: { bytes, mayProbe: !asked && mayProbe(shortage, now) } };
    });
  }

  /**
   * Which variant of a queued job is to run and what it needs.
   * @param now ISO instant
   */
  demandOf({ state }: OpenJob, now: string): Demand {
    return demandOf(state, this.executors(), this.#learned, now);
  }

  /** What the GPU of the job's attempt had to have in all, in bytes. */
  gpuBytesTried({ state }: OpenJob): number {
    return gpuBytesTried(state, this.#learned);
  }

  /** The most GPU memory of a registered executor, in bytes; undefined while there is none or one did not tell. */
  get largestVramBytes(): number | undefined {
    const sizes = this.executors().map(({ vramBytes }) => vramBytes);
    return sizes.length === 0 || sizes.includes(null) ? undefined : Math.max(...sizes.map((bytes) => bytes ?? 0));
  }

  /** A job that waits, as `schedule` sees it. */
  queued({ state, jobId }: OpenJob, { variant, vramGb, gpuBytes }: Demand): QueuedJob {
    const refusedBy = refusals(trialsOf(state), variant, this.executors());
    const { avoid } = nextAssignment(state);
    const project = state.requested?.project?.id;
    return { jobId, vramBytes: gpuBytes, freeBytes: bytesOf(vramGb), refusedBy, avoid, project };
  }

  /**
   * How many more jobs of each project with a limit may be given to executors.
   * @param isPending tells jobs whose assignment is on its way
   */
  roomInProjects(isPending: (job: OpenJob) => boolean): ReadonlyMap<string, number> {
    const room = new Map(this.#runningLimits);
    if (room.size === 0) return room;
    for (const job of this.#jobs.values()) {
      const project = job.state.requested?.project?.id ?? '';
      const left = room.get(project);
      if (left === undefined) continue;
      if (stageOf(job.state) === 'assigned' || isPending(job)) room.set(project, left - 1);
    }
    return room;
  }

  /**
   * Takes in a job that ended, as its own events tell it: somebody wants it to be tried again.
   * @param history its entries before that wish, in order
   */
  recall(history: readonly LogEntry[]): void {
    for (const entry of history) {
      if (entry.status !== 'event') this.#applyMark(entry);
      else if (isJobEvent(entry.event)) this.#keep(entry.event);
    }
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
      const { slug, version, manifest, graph, lowMemory } = event.data;
      this.#templates.set(`${slug}@${version}`, { manifest, graph, lowMemory });
    } else if (event.aggregate === 'executor') {
      return this.#applyToExecutor(event);
    } else if (isEvent(event, ProjectCreatedV2) || isEvent(event, ProjectSettingsChangedV2)) {
      const { runningLimit } = event.data.settings;
      if (runningLimit === undefined) this.#runningLimits.delete(event.aggregateId);
      else this.#runningLimits.set(event.aggregateId, runningLimit);
    } else if (isEvent(event, SchedulerTermStartedV1)) {
      if (event.aggregateId === this.#schedulerId) this.#schedulerPosition = event.position;
      // Epochs are compared across schedulers, as fencing does.
      if (event.data.epoch > (this.#term?.epoch ?? 0))
        this.#term = { epoch: event.data.epoch, leader: event.data.leader };
    }
    return [];
  }

  #applyToExecutor(event: RecordedEvent): readonly string[] {
    const executorId = event.aggregateId;
    const state = evolveExecutor(this.#executors.get(executorId), event);
    if (state === undefined) return [];
    this.#executors.set(executorId, state);
    return isEvent(event, ExecutorLostV1) ? this.#assignedTo(executorId).map(({ jobId }) => jobId) : [];
  }

  #assignedTo(executorId: string): OpenJob[] {
    return [...this.#jobs.values()].filter(
      ({ state }) => state.assignment?.executorId === executorId && stageOf(state) === 'assigned',
    );
  }

  #applyJobEvent(event: JobEvent): readonly string[] {
    const jobId = event.aggregateId;
    // Events of a job that is not open: it has ended (late facts are for the read-models), or it never began.
    if (!this.#jobs.has(jobId) && event.type !== 'job.requested') return [];
    this.#learn(event);
    this.#noteShortage(event);
    if (stageOf(this.#keep(event)) === 'ended') this.#jobs.delete(jobId);
    return [jobId];
  }

  #keep(event: JobEvent): JobState {
    const jobId = event.aggregateId;
    const known = this.#jobs.get(jobId);
    const state = evolveJob(known?.state ?? NO_JOB, event);
    this.#jobs.set(jobId, {
      jobId,
      state,
      firstPosition: known?.firstPosition ?? event.position,
      lastPosition: event.position,
      correlationId: known?.correlationId ?? event.correlationId,
      lastEventId: event.id,
      traceparent: event.traceparent ?? known?.traceparent,
    });
    return state;
  }

  /** What an attempt shows of the memory of its executor. */
  #noteShortage(event: JobEvent): void {
    const jobId = event.aggregateId;
    const job = this.#jobs.get(jobId)?.state;
    const executor = this.#executors.get(job?.assignment?.executorId ?? '');
    if (job === undefined || executor === undefined) return;
    const { executorId, shortage: known } = executor;
    const running = () =>
      this.#assignedTo(executorId).flatMap((other) => (isRunning(other.state) ? [other.jobId] : []));
    const shortage = shortageAfter(known, event, { jobId, job, running });
    if (shortage !== known) this.#executors.set(executorId, { ...executor, shortage });
  }

  /** What an attempt shows of what such jobs need. */
  #learn(event: JobEvent): void {
    const job = this.#jobs.get(event.aggregateId)?.state;
    if (job?.requested === undefined) return;
    const { assignment, requested } = job;
    if (event.type === 'job.executed' && event.data.vramPeakBytes !== null && !event.data.cached) {
      const { attempt, executorId, variant, vramPeakBytes: peakBytes } = event.data;
      const gpuBytes = this.#executors.get(executorId)?.vramBytes ?? null;
      const alone = assignment?.attempt === attempt && assignment.freeMemory;
      this.#learned.worked(footprintOf(requested, variant), { peakBytes, gpuBytes, alone });
    }
    if (event.type !== 'job.attempt-failed' || event.data.class !== 'oom' || !assignment?.freeMemory) return;
    const { vramBytes } = this.#executors.get(event.data.executorId) ?? {};
    if (assignment.attempt === event.data.attempt && typeof vramBytes === 'number')
      this.#learned.ranOut(footprintOf(requested, assignment.variant), vramBytes);
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

function isRunning(job: JobState): boolean {
  return statusOf(job) === 'running';
}

/** A job that has not begun, and will when the memory is there again. */
function isProbe(job: JobState, { bytes }: MemoryShortage): boolean {
  return !isRunning(job) && bytesOf(job.assignment?.vramGb ?? 0) >= bytes;
}
