import { randomBytes } from 'node:crypto';
import {
  JobCancelledV1,
  JobCompletedV1,
  JobFailedV1,
  JobRejectedV1,
  JobRequestedV3,
  JobRetryRequestedV1,
  type EventData,
  type JobLimits,
  type JobType,
  type TemplateManifest,
} from '@anime/contracts';
import {
  appendDecision,
  handleCommand,
  newerContract,
  uuidv7,
  type Appended,
  type Decision,
  type EventLog,
  type Expectation,
  type NewerEntry,
} from '@anime/event-store';
import type { BlobStore } from '@anime/blob-store';
import { isProblem, ProblemError } from '@anime/problem-details';
import type { SubjectKeys } from '@anime/sealed-fields';
import { resolveParameters, type ParameterError } from '@anime/workflow-engine';
import { decideJob, jobDecider, type JobCommand } from '../domain/job/job.decide.js';
import { evolveJob } from '../domain/job/job.evolve.js';
import { NO_JOB, type JobEnd, type JobState } from '../domain/job/job.state.js';
import type { TemplateRegistry } from '../templates/template-registry.js';
import { lookAtLog } from '../time-limit.js';
import { jobInputs } from './job-inputs.js';
import { jobIdOfKey, requestHashOf, storedRequest, type StoredRequest } from './idempotency.js';
import { eventMeta, type Origin } from './origin.js';
import type { ProjectCommands, ProjectForJob } from './project-commands.js';
import { limitsIn, templateIn, withDefaults } from './project-defaults.js';
import type { QueueLimits } from './queue-limits.js';

/** What tells that there is a job, and whether it has ended. */
const TELLING_TYPES: ReadonlySet<string> = new Set(
  [JobRequestedV3, JobRejectedV1, JobCompletedV1, JobFailedV1, JobCancelledV1, JobRetryRequestedV1].map(
    (contract) => contract.type,
  ),
);

/** A request for a picture or a clip, of the right form; whether its template takes it is not known yet. */
export interface SubmitJob {
  readonly type: JobType;
  readonly template?: string | undefined;
  /** Its slug or id. */
  readonly project?: string | null | undefined;
  /** As the template names them; undefined counts as not given. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Its bounds; what is absent is the project's. */
  readonly limits?: JobLimits | undefined;
  /** A word of the caller's for this request: sent again with the same one, it asks for the same job. */
  readonly idempotencyKey?: string | undefined;
}

export interface SubmittedJob extends StoredRequest {
  readonly jobId: string;
  /** It had been asked for before: nothing was stored. */
  readonly replayed: boolean;
}

export interface JobCommandsDeps {
  readonly log: EventLog;
  /** Where the pictures are that jobs take in. */
  readonly blobs: Pick<BlobStore, 'has' | 'stream'>;
  readonly templates: Pick<TemplateRegistry, 'resolve'>;
  /** File name of the studio's checkpoint. */
  readonly checkpoint: string | undefined;
  /** `ce-time` of the next event. */
  readonly now: () => string;
  readonly projects: Pick<ProjectCommands, 'idOf' | 'forJob'>;
  /** Stores a job, or says no while too many wait. */
  readonly queueLimits: Pick<QueueLimits, 'admit'>;
  /** Seals what a person wrote with the person's key. */
  readonly keys: Pick<SubjectKeys, 'seal'>;
  /** How the read-model says that the job ended; undefined when it does not, or cannot be asked. */
  readonly endInReadModel: (jobId: string) => Promise<JobEnd | undefined>;
}

/** What people may do to jobs. Each command is durable when its promise resolves. */
export class JobCommands {
  readonly #deps: JobCommandsDeps;

  constructor(deps: JobCommandsDeps) {
    this.#deps = deps;
  }

  /**
   * Asks for a job.
   * @throws ProblemError `project-not-found`, `project-archived`, `template-not-found`, `parameter-invalid` (naming each
   *   parameter), `idempotency-key-reused`, `queue-full`, `storage-failed`, and what an append throws
   */
  async submit(command: SubmitJob, origin: Origin): Promise<SubmittedJob> {
    const { idempotencyKey: key } = command;
    if (key === undefined) return this.#request(uuidv7(), command, undefined, origin);
    const jobId = jobIdOfKey(origin.actor, key);
    const requestHash = requestHashOf({ ...command, project: this.#projectId(command) });
    const stored = (): Promise<StoredRequest | undefined> =>
      lookAtLog(storedRequest(this.#deps.log, jobId, requestHash));
    const earlier = await stored();
    if (earlier !== undefined) return { ...earlier, jobId, replayed: true };
    try {
      return await this.#request(jobId, command, requestHash, origin);
    } catch (error) {
      // The same request may have been stored meanwhile; then it may be just this job that fills the queue.
      if (!isProblem(error, 'append-conflict') && !isProblem(error, 'queue-full')) throw error;
      const meanwhile = await stored();
      if (meanwhile === undefined) throw error;
      return { ...meanwhile, jobId, replayed: true };
    }
  }

  async #request(
    jobId: string,
    command: SubmitJob,
    requestHash: string | undefined,
    origin: Origin,
  ): Promise<SubmittedJob> {
    const { templates, queueLimits } = this.#deps;
    const project = await this.#projectOf(command);
    const { settings = {} } = project ?? {};
    const manifest = await templates.resolve(command.template ?? templateIn(settings, command.type), command.type);
    const resolved = resolveParameters(manifest, withDefaults(manifest, command.parameters, settings), {
      drawSeed: () => drawSeed(manifest),
      checkpoint: settings.checkpoint ?? this.#deps.checkpoint,
    });
    if (!resolved.ok) throw notTaken(manifest, resolved.errors);
    const { inputs, errors } = await jobInputs(manifest, resolved.parameters, this.#deps.blobs);
    if (errors.length > 0) throw notTaken(manifest, errors);
    const job: EventData<typeof JobRequestedV3> = {
      type: command.type,
      template: { id: manifest.id, version: manifest.version },
      parameters: resolved.parameters,
      seed: resolved.seed,
      seedSource: resolved.seedSource,
      inputs,
      limits: limitsIn(settings, command.limits),
      project: project === undefined ? null : { id: project.id, slug: project.slug },
      ...(requestHash === undefined ? {} : { requestHash }),
    };
    // A new id has no events: nothing is loaded, and the expectation makes it create-once.
    const decision = decideJob({ kind: 'RequestJob', job }, NO_JOB);
    const expect = { scope: 'aggregate', lastPosition: 0 } as const;
    const store = (): Promise<Appended> => this.#append(decision, jobId, origin, expect);
    const { position } = await queueLimits.admit(project, store).catch((error: unknown) => {
      throw isProblem(error, 'log-unavailable') ? withWayOut(error, jobId, command.idempotencyKey) : error;
    });
    return { jobId, position, job, replayed: false };
  }

  #projectId({ project }: SubmitJob): string | null {
    return typeof project === 'string' ? this.#deps.projects.idOf(project) : null;
  }

  async #projectOf({ project }: SubmitJob): Promise<ProjectForJob | undefined> {
    return typeof project === 'string' ? this.#deps.projects.forJob(project) : undefined;
  }

  /**
   * Asks for a job to be cancelled. The job's order of events is the orchestrator's: this is a wish, so it has no
   * expectation, and is refused only when the job has surely ended. The reason is personal: it is stored sealed with the
   * caller's key.
   * @throws ProblemError `job-not-found`, `job-ended`, `newer-contract`, what sealing throws, and what an append throws
   */
  async cancel(jobId: string, text: string | undefined, origin: Origin): Promise<Appended> {
    const job = await this.#stateOf(jobId);
    const reason = text === undefined ? null : await this.#deps.keys.seal(origin.actor, text);
    const decision = decideJob({ kind: 'RequestCancel', reason }, job);
    return this.#append(decision, jobId, origin);
  }

  /**
   * Asks for a failed job to be tried again. It is stored only if nothing came in between, so that of two wishes at a time one
   * has its effect. The reason is sealed as that of a cancel.
   * @throws ProblemError `job-not-found`, `job-not-failed`, `newer-contract`, what sealing throws, and what an append throws
   */
  async retry(jobId: string, text: string | undefined, origin: Origin): Promise<Appended> {
    const { log, keys, now } = this.#deps;
    // A key is made for nobody whose words are not going to be stored.
    const kept = text !== undefined && decideJob(RETRY, await lookAtLog(this.#foldOf(jobId))).kind === 'event';
    const reason = kept ? await keys.seal(origin.actor, text) : null;
    const { appended } = await handleCommand(log, jobDecider, {
      aggregate: 'job',
      aggregateId: jobId,
      command: { kind: 'RequestRetry', reason },
      meta: eventMeta(origin, now()),
    });
    if (appended === undefined) throw new Error('a retry was neither stored nor refused');
    return appended;
  }

  /** The last event decides nearly always (0.2 ms); facts that came after the end hide it there, but not in the read-model. */
  async #stateOf(jobId: string): Promise<JobState> {
    const { log, endInReadModel } = this.#deps;
    const last = await lookAtLog(log.lastOfAggregate('job', jobId));
    if (last === undefined) return NO_JOB;
    if (last.status !== 'event') return this.#foldOf(jobId);
    const seen = evolveJob(NO_JOB, last.event);
    if (seen.stage === 'ended') return seen;
    const end = await endInReadModel(jobId);
    if (end === undefined) return seen;
    // The one end that may be over: the read-model may not have seen yet that it is to be tried again.
    return end === 'failed' ? this.#foldOf(jobId) : { stage: 'ended', end };
  }

  /**
   * Only the whole aggregate tells whether there is a job, when something that is no event stands last on its subjects.
   * @throws ProblemError `newer-contract` when the last that tells it can only be read by a newer build
   */
  async #foldOf(jobId: string): Promise<JobState> {
    let state = NO_JOB;
    let newer: NewerEntry | undefined;
    for await (const entry of this.#deps.log.readAggregate('job', jobId)) {
      if (entry.status === 'newer' && TELLING_TYPES.has(entry.type)) newer = entry;
      if (entry.status !== 'event') continue;
      state = evolveJob(state, entry.event);
      newer = undefined;
    }
    const open = state.stage !== 'ended' || newer?.type === JobRetryRequestedV1.type;
    if (newer !== undefined && open) throw newerContract('job', jobId, newer);
    return state;
  }

  async #append(decision: Decision, jobId: string, origin: Origin, expect?: Expectation): Promise<Appended> {
    const appended = await appendDecision(this.#deps.log, decision, {
      aggregateId: jobId,
      meta: eventMeta(origin, this.#deps.now()),
      expect,
    });
    if (appended === undefined) throw new ProblemError('append-conflict', `job ${jobId} is there already`);
    return appended;
  }
}

const RETRY: JobCommand = { kind: 'RequestRetry', reason: null };

function notTaken({ id, version }: TemplateManifest, faults: readonly ParameterError[]): ProblemError {
  const errors = faults.map(({ parameter, message }) => ({ path: `/${parameter}`, message }));
  return new ProblemError('parameter-invalid', `${id}@${version} does not take ${errors.length} of the parameters`, {
    errors,
  });
}

/** Whoever sends the request again without a key may ask for two jobs: the error names the one to look for first. */
function withWayOut(error: ProblemError, jobId: string, key: string | undefined): ProblemError {
  const hint =
    key === undefined
      ? `before you send it again, see whether GET /api/anime/jobs/${jobId} knows it`
      : 'send it again with the same Idempotency-Key';
  const retryAfter = error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter };
  return new ProblemError(error.code, `${error.message}; ${hint}`, { cause: error, ...retryAfter });
}

/** A seed that JSON carries exactly (0 … 2^53−1), within what the template takes. */
function drawSeed(manifest: TemplateManifest): number {
  const schema = manifest.parameters.find((parameter) => parameter.role === 'seed')?.schema;
  const bounds = schema?.type === 'integer' || schema?.type === 'number' ? schema : undefined;
  const lowest = Math.max(0, Math.ceil(bounds?.minimum ?? 0));
  const highest = Math.min(Number.MAX_SAFE_INTEGER, Math.floor(bounds?.maximum ?? Number.MAX_SAFE_INTEGER));
  const range = BigInt(highest) - BigInt(lowest) + 1n;
  return lowest + Number(randomBytes(16).readBigUInt64BE() % range);
}
