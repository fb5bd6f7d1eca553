/** One place in the queue, in the order in which jobs were requested. */
export interface QueuedJob {
  readonly jobId: string;
  /** So much memory its GPU must have in all, in bytes. */
  readonly vramBytes: number;
  /** So much of that must be free when it begins. */
  readonly freeBytes: number;
  /** Executors that cannot run it. */
  readonly refusedBy: ReadonlySet<string>;
  /** Executors that get it only when there is no other. */
  readonly avoid: readonly string[];
  /** Its project, when that has a limit of jobs that run at a time. */
  readonly project?: string | undefined;
}

/** An executor that may be given work, as the log knows it. */
export interface ExecutorLoad {
  readonly executorId: string;
  /** Attempts assigned to it that have not ended. */
  readonly open: number;
  /** Memory of its largest GPU; null when it did not tell. */
  readonly vramBytes: number | null;
  /**
   * Others hold memory there: a job that needs so many bytes or more would be declined. `mayProbe`: one of them may be given to
   * it now, to see whether that is still so. Null while nothing is known to be short.
   */
  readonly shortage: { readonly bytes: number; readonly mayProbe: boolean } | null;
}

export interface PlannedAssignment {
  readonly jobId: string;
  readonly executorId: string;
}

/** One runs, one waits behind it, so that the GPU never idles between two jobs. */
export const ASSIGNMENTS_PER_EXECUTOR = 2;

/**
 * First come, first served: each job in turn goes to the executor with the least to do, the earlier registered one on a
 * tie. A job that no executor with room may have is passed over. Pure and a function of logged facts and the time only, so
 * that "what if" over recorded history is exact.
 * @param room how many more jobs of a project may be assigned; a project that is not in it may have as many as it likes
 */
export function schedule(
  queue: readonly QueuedJob[],
  executors: readonly ExecutorLoad[],
  room: ReadonlyMap<string, number> = new Map(),
): PlannedAssignment[] {
  const open = new Map(executors.map((executor) => [executor.executorId, executor.open]));
  const left = new Map(room);
  let free = executors.reduce((sum, executor) => sum + Math.max(0, ASSIGNMENTS_PER_EXECUTOR - executor.open), 0);
  const assignments: PlannedAssignment[] = [];
  const probes = planProbes(queue, executors, room);
  for (const job of queue) {
    if (free === 0) break;
    const inProject = job.project === undefined ? undefined : left.get(job.project);
    if (inProject !== undefined && inProject <= 0) continue;
    let chosen: string | undefined;
    for (const { executorId } of suitable(job, executors, probes)) {
      const load = open.get(executorId) ?? 0;
      if (load < ASSIGNMENTS_PER_EXECUTOR && (chosen === undefined || load < (open.get(chosen) ?? 0)))
        chosen = executorId;
    }
    if (chosen === undefined) continue;
    free -= 1;
    open.set(chosen, (open.get(chosen) ?? 0) + 1);
    if (job.project !== undefined && inProject !== undefined) left.set(job.project, inProject - 1);
    assignments.push({ jobId: job.jobId, executorId: chosen });
  }
  return assignments;
}

/**
 * Which job is to show whether an executor has its memory back: the one that needs least, the first of several. Whoever needs
 * more has no room either where that one has none, and comes next where it has.
 * @returns jobs by executor
 */
function planProbes(
  queue: readonly QueuedJob[],
  executors: readonly ExecutorLoad[],
  room: ReadonlyMap<string, number>,
): ReadonlyMap<string, string> {
  const probes = new Map<string, string>();
  for (const executor of executors) {
    if (executor.shortage?.mayProbe !== true) continue;
    let least: QueuedJob | undefined;
    for (const job of queue) {
      if (!isAble(job, executor) || !isShort(job, executor)) continue;
      if (job.project !== undefined && (room.get(job.project) ?? Infinity) <= 0) continue;
      if (job.freeBytes < (least?.freeBytes ?? Infinity)) least = job;
    }
    if (least !== undefined) probes.set(executor.executorId, least.jobId);
  }
  return probes;
}

/** The executors that the job may go to, busy ones too: those to avoid only when there are no others. */
function suitable(
  job: QueuedJob,
  executors: readonly ExecutorLoad[],
  probes: ReadonlyMap<string, string>,
): readonly ExecutorLoad[] {
  const able = executors.filter(
    (executor) => isAble(job, executor) && (!isShort(job, executor) || probes.get(executor.executorId) === job.jobId),
  );
  const preferred = able.filter(({ executorId }) => !job.avoid.includes(executorId));
  return preferred.length > 0 ? preferred : able;
}

function isAble(job: QueuedJob, { executorId, vramBytes }: ExecutorLoad): boolean {
  return !job.refusedBy.has(executorId) && (vramBytes === null || vramBytes >= job.vramBytes);
}

function isShort(job: QueuedJob, { shortage }: ExecutorLoad): boolean {
  return shortage !== null && job.freeBytes >= shortage.bytes;
}
