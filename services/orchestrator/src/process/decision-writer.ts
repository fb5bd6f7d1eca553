import type { ApiGraph, BodyOf, EventContract, EventData, JobAcceptedV3 } from '@anime/contracts';
import { isProblem } from '@anime/problem-details';
import { uuidv7, type Decided, type EventLog } from '@anime/event-store';
import { decideJob, type JobCommand } from '../domain/job/job.decide.js';
import { bytesOf } from '../domain/memory/bytes.js';
import type { OpenJob } from '../domain/open-work/open-work.js';

export type WriteOutcome =
  | { readonly kind: 'written' }
  | { readonly kind: 'nothing' }
  /** Somebody else's event came first. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'failed'; readonly error: unknown };

type AssignJob = Extract<JobCommand, { readonly kind: 'AssignJob' }>;

interface WriterDeps {
  readonly log: EventLog;
  readonly spillGraph: (graph: ApiGraph) => Promise<BodyOf<ApiGraph>>;
  readonly now: () => Date;
  /** Told of each decision that is stored, by its event type. */
  readonly onDecision: (type: string) => void;
}

/** Appends decisions with the expectation of what one fold holds, and remembers which the log has not shown it yet. */
export class DecisionWriter {
  readonly #deps: WriterDeps;
  /** Position of the decision on its way, and of an assignment what it asks of which executor. */
  readonly #pending = new Map<string, { readonly position: number; readonly assigned: AssignJob | undefined }>();
  #seen = 0;

  constructor(deps: WriterDeps) {
    this.#deps = deps;
  }

  /** The log has been folded up to here. */
  seen(position: number): void {
    this.#seen = position;
    for (const [jobId, pending] of this.#pending) if (pending.position <= position) this.#pending.delete(jobId);
  }

  isPending(job: OpenJob): boolean {
    return this.#pending.has(job.jobId);
  }

  /** What assignments need that were appended but that the fold does not count yet: bytes of free memory of each. */
  pendingAssignments(executorId: string): readonly number[] {
    const needs: number[] = [];
    for (const { assigned } of this.#pending.values())
      if (assigned?.executorId === executorId) needs.push(bytesOf(assigned.demand.vramGb));
    return needs;
  }

  async write(job: OpenJob, command: JobCommand, epoch: number): Promise<WriteOutcome> {
    const decision = decideJob(command, job.state);
    if (decision.kind !== 'event') return { kind: 'nothing' };
    try {
      const { position } = await this.#deps.log.append(
        {
          contract: decision.contract,
          aggregateId: job.jobId,
          data: await this.#withSpilledGraphs(decision),
          id: uuidv7(),
          time: this.#deps.now().toISOString(),
          correlationId: job.correlationId,
          causationId: job.lastEventId,
          actor: 'service:orchestrator',
          epoch,
          traceparent: job.traceparent,
        },
        { expect: { scope: 'aggregate', lastPosition: job.lastPosition } },
      );
      const assigned = command.kind === 'AssignJob' ? command : undefined;
      if (position > this.#seen) this.#pending.set(job.jobId, { position, assigned });
      this.#deps.onDecision(decision.contract.type);
      return { kind: 'written' };
    } catch (error) {
      return isProblem(error, 'append-conflict') ? { kind: 'conflict' } : { kind: 'failed', error };
    }
  }

  /** Large graphs go into the blob store before the event that names them (law 3). */
  async #withSpilledGraphs(decision: Decided): Promise<EventData<EventContract>> {
    if (decision.contract.type !== ('job.accepted' satisfies typeof JobAcceptedV3.type)) return decision.data;
    const data = decision.data as EventData<typeof JobAcceptedV3>;
    const variants = await Promise.all(
      data.variants.map(async (variant) =>
        'inline' in variant.graph ? { ...variant, graph: await this.#deps.spillGraph(variant.graph.inline) } : variant,
      ),
    );
    return { ...data, variants };
  }
}
