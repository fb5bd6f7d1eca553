/** The ways in which a job ends. */
export const JOB_ENDS = ['completed', 'failed', 'cancelled', 'rejected'] as const;
export type JobEnd = (typeof JOB_ENDS)[number];

/** How a job stands for whoever wants something of it. The stages in between are the orchestrator's. */
export type JobState =
  | { readonly stage: 'absent' }
  | { readonly stage: 'open' }
  | { readonly stage: 'ended'; readonly end: JobEnd };

export const NO_JOB: JobState = { stage: 'absent' };
