import { fits, isAble, isGone, type ExecutorState } from '../executor/executor.js';
import type { Demand } from '../job/job.decide.js';
import { nextAssignment, trialsOf, type JobState } from '../job/job.state.js';
import { refusals, type Variant } from '../job/next-try.js';
import { bytesOf, gbOf } from '../memory/bytes.js';
import { footprintOf, type LearnedMemory } from '../memory/learned-memory.js';
import { isShortOf } from '../memory/memory-shortage.js';

/**
 * Which variant of a queued job is to run and what it needs: by what was decided, by what runs have shown and by who is there.
 * Asked anew whenever it could be assigned, as the GPU that was meant may be gone. It runs as was decided where somebody is able
 * to, else in the variant for less memory where somebody is able to do that; else it waits. Somebody whose memory others hold, and has
 * said so often, is not, while that variant has room.
 * @param now ISO instant
 */
export function demandOf(
  job: JobState,
  executors: readonly ExecutorState[],
  learned: LearnedMemory,
  now: string,
): Demand {
  const { accepted, requested } = job;
  const decided = nextAssignment(job);
  const trials = trialsOf(job);
  const shown = (variant: Variant, vramGb: number, gpuBytes: number): Demand => {
    if (requested === undefined) return { variant, vramGb, gpuBytes };
    const need = learned.need(footprintOf(requested, variant), bytesOf(vramGb));
    return { variant, vramGb: gbOf(need.freeBytes), gpuBytes: Math.max(need.gpuBytes, gpuBytes) };
  };
  const takers = ({ variant, gpuBytes }: Demand): readonly ExecutorState[] => {
    const refused = refusals(trials, variant, executors);
    return executors.filter((executor) => !refused.has(executor.executorId) && fits(executor, gpuBytes));
  };
  const wanted = shown(decided.variant, decided.vramGb, decided.gpuBytes);
  const able = takers(wanted).filter(isAble);
  if (able.some((executor) => !isHeldLong(executor, wanted))) return wanted;
  const lowGb = decided.variant === 'normal' ? accepted?.vramGb['low-memory'] : undefined;
  if (lowGb !== undefined) {
    const less = shown('low-memory', lowGb, 0);
    const others = takers(less).filter(isAble);
    if (others.some((executor) => able.length === 0 || !isShortOf(executor, bytesOf(less.vramGb)))) return less;
  }
  if (takers(wanted).some((executor) => !isGone(executor, now))) return wanted;
  // No GPU here has what was learned: that may have been bad luck, and without another way it is tried as its template says.
  const { variant, vramGb } = lowGb === undefined ? decided : { variant: 'low-memory' as const, vramGb: lowGb };
  return { variant, vramGb, gpuBytes: bytesOf(vramGb) };
}

/** After so many declines in a row the memory does not come back in a moment. */
const DECLINES_TO_YIELD = 3;

function isHeldLong(executor: ExecutorState, { vramGb }: Demand): boolean {
  return isShortOf(executor, bytesOf(vramGb)) && (executor.shortage?.declines ?? 0) >= DECLINES_TO_YIELD;
}

/** The least memory in bytes that the GPU of the job's attempt had to have, by what was decided and by what is known now. */
export function gpuBytesTried({ assignment, requested, retry }: JobState, learned: LearnedMemory): number {
  if (assignment === undefined || requested === undefined) return 0;
  const { attempt, variant, vramGb } = assignment;
  const decided = retry?.attempt === attempt && retry.variant === variant ? retry.gpuBytes : 0;
  return Math.max(decided, learned.need(footprintOf(requested, variant), bytesOf(vramGb)).gpuBytes);
}
