import { PROBLEMS, type ProblemCode } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import type { Decision, Refused } from '../decider.js';
import type { Appended, EventLog, Expectation } from '../event-log.js';
import type { EventMeta } from '../event.js';

/**
 * Stores what was decided.
 * @returns undefined when nothing was decided
 * @throws ProblemError of the refusal's code; whatever `append` throws
 */
export async function appendDecision(
  log: EventLog,
  decision: Decision,
  to: { readonly aggregateId: string; readonly meta: EventMeta; readonly expect?: Expectation | undefined },
): Promise<Appended | undefined> {
  if (decision.kind === 'refused') throw refusal(decision);
  if (decision.kind === 'nothing') return undefined;
  const { contract, data } = decision;
  return log.append({ ...to.meta, contract, aggregateId: to.aggregateId, data }, { expect: to.expect });
}

/** A refusal as a problem of its code; a code that the catalogue lacks is a fault of the decider. */
export function refusal({ code, message }: Refused): ProblemError {
  return isProblemCode(code)
    ? new ProblemError(code, message)
    : new ProblemError('internal', `the decider refused with unknown code ${code}: ${message}`);
}

function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEMS, code);
}
