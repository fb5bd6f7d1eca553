/** An executor for whoever wants something of it. Whether it is drained is not only told by its own events. */
export type ExecutorState =
  | { readonly stage: 'absent' }
  | {
      readonly stage: 'known';
      /** Position of the newest wish that it gets no work; undefined when it may get some. */
      readonly pausedAt: number | undefined;
    };

export const NO_EXECUTOR: ExecutorState = { stage: 'absent' };
