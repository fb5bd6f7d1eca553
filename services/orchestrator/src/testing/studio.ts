import {
  ExecutorLostV1,
  ExecutorRecoveredV1,
  ExecutorRegisteredV1,
  JobAssignedV2,
  JobAttemptFailedV2,
  JobDeclinedV1,
  JobExecutedV2,
  JobOrganisedV1,
  JobRequestedV3,
  JobScoredV1,
  JobStartedV2,
  WorkflowRegisteredV2,
  type EventContract,
  type EventData,
  type FailureClass,
  type ProjectOfJob,
} from '@anime/contracts';
import {
  promptIdOf,
  schedulerIdOf,
  uuidv7,
  type Batch,
  type EventLog,
  type LogEntry,
  type RecordedEvent,
} from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { ExecutorWatch } from '../process/executor-watch.js';
import { Leadership } from '../process/leadership.js';
import { OrchestratorProcess } from '../process/orchestrator-process.js';
import { SAMPLE_WORKFLOW, SHA } from './sample-template.js';

export const SCHEDULER = schedulerIdOf('studio');
export const EXECUTOR = '018f0000-0000-7000-8000-00000000000e';
export const WORKFLOW = '018f0000-0000-7000-8000-00000000000f';

/** A log, one orchestrator on it, and the other services played by hand. */
export class Studio {
  readonly log = new MemoryLog();
  now = new Date('2026-01-01T00:00:00.000Z');
  readonly errors: unknown[] = [];
  readonly executorWatch = new ExecutorWatch(() => this.now.getTime());
  process = this.orchestrator();

  /** @param log what the orchestrator writes to, when it is not the studio's own log */
  orchestrator(
    leader: string = uuidv7(),
    mayLead: () => boolean = () => true,
    log: EventLog = this.log,
    executorWatch: ExecutorWatch = this.executorWatch,
  ): OrchestratorProcess {
    const leadership = new Leadership({
      log,
      schedulerId: SCHEDULER,
      leader,
      mayLead,
      now: () => this.now,
    });
    return new OrchestratorProcess({
      log,
      leadership,
      schedulerId: SCHEDULER,
      loadGraph: (body) => Promise.resolve('inline' in body ? body.inline : {}),
      spillGraph: (inline) => Promise.resolve({ inline }),
      promptIdOf,
      now: () => this.now,
      chance: () => 0,
      onError: (_jobId, error) => this.errors.push(error),
      onDecision: () => undefined,
      onTrouble: (error) => this.errors.push(error),
      scorerLimitMs: 60_000,
      maxAttempts: 3,
      executorWatch,
      executorLimitMs: 30_000,
      serverLimitMs: 300_000,
    });
  }

  async append<C extends EventContract>(contract: C, aggregateId: string, data: EventData<C>): Promise<void> {
    const id = uuidv7();
    const actor = `service:${contract.producer}`;
    await this.log.append({ contract, aggregateId, data, id, time: this.now.toISOString(), correlationId: id, actor });
  }

  async setUp(): Promise<void> {
    await this.append(WorkflowRegisteredV2, WORKFLOW, SAMPLE_WORKFLOW);
    await this.append(ExecutorRegisteredV1, EXECUTOR, {
      name: 'comfyui-1',
      comfyuiVersion: '1',
      simulator: true,
      devices: [],
    });
  }

  async request(
    parameters: Record<string, string> = { prompt: 'x' },
    version = 1,
    project: ProjectOfJob | null = null,
    limits: EventData<typeof JobRequestedV3>['limits'] = {},
  ): Promise<string> {
    const jobId = uuidv7();
    await this.append(JobRequestedV3, jobId, {
      type: 'image',
      template: { id: 'text-to-image', version },
      parameters,
      seed: 1,
      seedSource: 'given',
      inputs: [],
      limits,
      project,
    });
    return jobId;
  }

  /** The batch that a reader gets next, of at most so many entries. */
  async nextBatch(process: OrchestratorProcess, size = Number.MAX_SAFE_INTEGER): Promise<Batch> {
    const entries: LogEntry[] = [];
    let checkpoint = process.checkpoint;
    for await (const entry of this.log.read({ after: checkpoint.position })) {
      if (entries.length === size) break;
      entries.push(entry);
      const eventId = entry.status === 'void' ? '' : 'event' in entry ? entry.event.id : entry.eventId;
      checkpoint = { position: entry.position, eventId };
    }
    const end = await this.log.end();
    return { entries, checkpoint, caughtUp: checkpoint.position === end, end };
  }

  /** Feeds a process one batch of what lies behind its checkpoint. */
  async step(process: OrchestratorProcess, batchSize: number): Promise<void> {
    await process.onBatch(await this.nextBatch(process, batchSize));
  }

  /** Feeds a process until it has read everything and has nothing more to say. */
  async settle(process: OrchestratorProcess = this.process): Promise<void> {
    for (let steps = 0; ; steps += 1) {
      if (steps > 1_000) throw new Error('the orchestrator does not come to rest');
      const end = await this.log.end();
      await this.step(process, 3);
      if (process.checkpoint.position === end && (await this.log.end()) === end) return;
    }
  }

  async events(jobId?: string): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const entry of this.log.read({ after: 0 })) {
      if (entry.status === 'event' && (jobId === undefined || entry.event.aggregateId === jobId))
        events.push(entry.event);
    }
    return events;
  }

  async trail(jobId: string): Promise<string[]> {
    return (await this.events(jobId)).map((event) => event.type.replace('job.', ''));
  }

  async assignment(jobId: string): Promise<EventData<typeof JobAssignedV2>> {
    const assigned = (await this.events(jobId)).filter((event) => event.type === JobAssignedV2.type).at(-1);
    return assigned?.data as EventData<typeof JobAssignedV2>;
  }

  /** What an executor appends when it has run an assignment. */
  async reportExecuted(
    jobId: string,
    { attempt, executorId, promptId }: EventData<typeof JobAssignedV2>,
    vramPeakBytes: number | null = null,
  ): Promise<void> {
    const output = {
      node: '7',
      index: 0,
      kind: 'image',
      role: 'final',
      blob: SHA,
      size: 1,
      mediaType: 'image/png',
      filename: 'f',
      pixelSha256: null,
    } as const;
    await this.append(JobExecutedV2, jobId, {
      attempt,
      executorId,
      promptId,
      variant: 'normal',
      graphHash: SHA,
      cached: false,
      outputs: [output],
      executionMs: null,
      cachedNodes: [],
      models: [],
      vramPeakBytes,
    });
  }

  /** What executor, scorer and organizer append for the newest assignment. */
  async run(jobId: string, vramPeakBytes: number | null = null): Promise<void> {
    const assigned = await this.assignment(jobId);
    const { attempt } = assigned;
    await this.reportExecuted(jobId, assigned, vramPeakBytes);
    const metrics = [{ status: 'unavailable' as const, id: 'sharpness', version: '1', reason: 'test' }];
    await this.append(JobScoredV1, jobId, {
      attempt,
      scorerBuild: 'b',
      outputs: [{ node: '7', index: 0, blob: SHA, metrics }],
    });
    const file = {
      role: 'output',
      path: 'x.png',
      sha256: SHA,
      size: 1,
      mediaType: 'image/png',
      node: '7',
      index: 0,
    } as const;
    await this.append(JobOrganisedV1, jobId, { attempt, files: [file] });
  }

  /** @param vramGb of its GPU */
  async register(executorId: string, name: string, vramGb: number): Promise<void> {
    const devices = [{ name: 'cuda:0', vramBytes: vramGb * 1e9 }];
    await this.append(ExecutorRegisteredV1, executorId, { name, comfyuiVersion: '1', simulator: true, devices });
  }

  /** @param freeBytes that were free, when its executor tells it */
  async decline(jobId: string, reason: EventData<typeof JobDeclinedV1>['reason'], freeBytes?: number): Promise<void> {
    const { attempt, executorId, promptId } = await this.assignment(jobId);
    await this.append(JobDeclinedV1, jobId, {
      attempt,
      executorId,
      promptId,
      reason,
      message: `declined: ${reason}`,
      evidence: freeBytes === undefined ? {} : { memory: { freeBytes } },
    });
  }

  /** The executor of the newest assignment has claimed it: it begins. */
  async begin(jobId: string): Promise<void> {
    const { attempt, executorId, promptId } = await this.assignment(jobId);
    await this.append(JobStartedV2, jobId, { attempt, executorId, promptId, claim: promptId, environment: null });
  }

  /** The executor is lost, and heard again when that has been settled. */
  async loseAndRecover(executorId: string): Promise<void> {
    await this.append(ExecutorLostV1, executorId, { silentMs: 30_000 });
    await this.settle();
    await this.append(ExecutorRecoveredV1, executorId, {});
    await this.settle();
  }

  /** Lets time pass, which is all that a retry waits for. */
  async pass(seconds: number): Promise<void> {
    this.now = new Date(this.now.getTime() + seconds * 1_000);
    await this.process.decide();
    await this.settle();
  }

  async failAttempt(jobId: string, failureClass: FailureClass): Promise<void> {
    const { attempt, executorId, promptId } = await this.assignment(jobId);
    const evidence = {};
    await this.append(JobAttemptFailedV2, jobId, {
      attempt,
      executorId,
      promptId,
      class: failureClass,
      reason: 'vanished',
      message: 'm',
      evidence,
    });
  }
}

/** A studio with a template and an executor. */
export async function studio(): Promise<Studio> {
  const made = new Studio();
  await made.setUp();
  return made;
}
