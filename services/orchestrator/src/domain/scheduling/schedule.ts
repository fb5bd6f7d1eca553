/** One place in the queue, in the order in which jobs were requested. */
export interface QueuedJob {
  readonly jobId: string;
}

/** An executor as the log knows it. */
export interface ExecutorLoad {
  readonly executorId: string;
  /** Attempts assigned to it that have not ended. */
  readonly open: number;
}

export interface PlannedAssignment {
  readonly jobId: string;
  readonly executorId: string;
}

/** One runs, one waits behind it, so that the GPU never idles between two jobs. */
export const ASSIGNMENTS_PER_EXECUTOR = 2;

/**
 * First come, first served: each job in turn goes to the executor with the least to do, the earlier registered one on a
 * tie. Pure and a function of logged facts only, so that "what if" over recorded history is exact.
 */
export function schedule(queue: Iterable<QueuedJob>, executors: readonly ExecutorLoad[]): PlannedAssignment[] {
  const open = new Map(executors.map((executor) => [executor.executorId, executor.open]));
  const assignments: PlannedAssignment[] = [];
  for (const { jobId } of queue) {
    let chosen: string | undefined;
    for (const [executorId, load] of open) {
      if (load < ASSIGNMENTS_PER_EXECUTOR && (chosen === undefined || load < (open.get(chosen) ?? 0)))
        chosen = executorId;
    }
    if (chosen === undefined) break;
    open.set(chosen, (open.get(chosen) ?? 0) + 1);
    assignments.push({ jobId, executorId: chosen });
  }
  return assignments;
}
