import { setTimeout as delay } from 'node:timers/promises';
import type { Counters } from './counters.js';
import type { Faults } from './faults.js';
import { NodeExecutionError } from './nodes/node-errors.js';
import { DEFAULT_FAULT_MS, FAULT_MOMENTS, type FaultMoment, type PromptFault } from './prompt-fault.js';

/** What a fault may do to the server around the prompt. */
export interface FaultActions {
  dropSockets(): void;
  /** From now on nothing of the running prompt is sent. */
  muteEvents(): void;
  interrupt(): void;
  stallHttp(ms: number): void;
  refuseConnections(ms: number): void;
  /** Kills the process at once; a new one listens after so many ms. */
  restart(ms: number): void;
}

/** Escapes from the prompt and so ends the only worker; the prompt stays in `queue_running` for ever. */
export class WorkerDeath extends Error {
  override readonly name = 'WorkerDeath';
}

/** What a card says whose context is lost. Source: PyTorch's c10/cuda/CUDAException. */
export const gpuFault = (): NodeExecutionError =>
  new NodeExecutionError(
    'torch.AcceleratorError',
    'CUDA error: an illegal memory access was encountered\n' +
      'CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.\n' +
      'For debugging consider passing CUDA_LAUNCH_BLOCKING=1\n',
  );

const outOfMemory = (): NodeExecutionError =>
  new NodeExecutionError(
    'torch.OutOfMemoryError',
    'Allocation on device 0 would exceed allowed memory. (out of memory)\n' +
      'This error means you ran out of memory on your GPU.\n\nTIPS: If the workflow worked before you might have accidentally set the batch_size to a large number.',
  );

/** Lets the faults of `Faults.atPrompt` strike one prompt, each at its moment. */
export class PromptMoments {
  private readonly reached = new Set<FaultMoment>();

  constructor(
    private readonly faults: Faults,
    private readonly counters: Counters,
    /** Ends every pause, because the process ends. */
    private readonly abandoned: AbortSignal,
    private readonly actions: FaultActions,
  ) {}

  /** The process has ended under the prompt. */
  get isAbandoned(): boolean {
    return this.abandoned.aborted;
  }

  /** Lets so many ms pass, or fewer: a process that ends does not wait. */
  async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.abandoned }).catch(() => undefined);
  }

  /** A tick of a progress bar. @returns the stall that begins here @throws as `reach` */
  tick(value: number, max: number): Promise<void> | undefined {
    return 2 * value >= max ? this.reach('middle') : undefined;
  }

  /**
   * The prompt has come to this moment; moments that were skipped come first. Everything but a stall has happened when
   * this returns.
   * @returns resolves after the stalls that begin here, if any do
   * @throws NodeExecutionError for the node to fail with; WorkerDeath
   */
  reach(moment: FaultMoment): Promise<void> | undefined {
    const stalls: Promise<void>[] = [];
    for (const next of FAULT_MOMENTS.slice(0, FAULT_MOMENTS.indexOf(moment) + 1)) {
      if (this.reached.has(next)) continue;
      this.reached.add(next);
      for (const fault of this.faults.atPrompt.filter(({ at }) => at === next)) {
        this.useUp(fault);
        const stall = this.strike(fault);
        if (stall !== undefined) stalls.push(stall);
      }
    }
    return stalls.length === 0 ? undefined : Promise.all(stalls).then(() => undefined);
  }

  private useUp(fault: PromptFault): void {
    const left = (fault.times ?? 1) - 1;
    this.faults.atPrompt = this.faults.atPrompt.flatMap((other) => {
      if (other !== fault) return [other];
      return left > 0 ? [{ ...fault, times: left }] : [];
    });
    this.counters.faultsStruck[fault.kind] = (this.counters.faultsStruck[fault.kind] ?? 0) + 1;
  }

  private strike(fault: PromptFault): Promise<void> | undefined {
    const { actions } = this;
    const ms = fault.ms ?? DEFAULT_FAULT_MS;
    switch (fault.kind) {
      case 'drop-sockets':
        actions.dropSockets();
        return undefined;
      case 'lose-events':
        actions.muteEvents();
        return undefined;
      case 'node-exception':
        throw new NodeExecutionError(fault.exception_type ?? 'RuntimeError', fault.message ?? 'simulated exception');
      case 'out-of-memory':
        throw outOfMemory();
      case 'gpu-fault':
        this.faults.gpuFault = true;
        throw gpuFault();
      case 'interrupt':
        actions.interrupt();
        return undefined;
      case 'worker-death':
        throw new WorkerDeath('the worker was told to die');
      case 'stall-worker':
        return this.pause(ms);
      case 'stall-http':
        actions.stallHttp(ms);
        return undefined;
      case 'refuse-connections':
        actions.refuseConnections(ms);
        return undefined;
      case 'restart':
        actions.restart(ms);
        return undefined;
    }
  }
}
