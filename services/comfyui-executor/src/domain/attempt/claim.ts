/** A fact that some executor recorded about the job, in the order of the log. */
export type AttemptFact =
  | { readonly kind: 'started'; readonly attempt: number; readonly claim: string }
  | { readonly kind: 'ended'; readonly attempt: number };

export type ClaimDecision =
  /** Nobody has claimed the attempt: append `started`. */
  | { readonly kind: 'claim' }
  /** It was claimed, by an earlier life of this executor or by this very process: never POST it again, look for it. */
  | { readonly kind: 'adopt'; readonly claim: string }
  /** It has ended, or a later one has begun. */
  | { readonly kind: 'over' };

/**
 * What the recorded facts allow for an attempt. Facts of earlier attempts may come late, so the last one alone tells
 * nothing: all count.
 */
export function decideClaim(facts: readonly AttemptFact[], attempt: number): ClaimDecision {
  if (facts.some((fact) => fact.attempt > attempt)) return { kind: 'over' };
  const own = facts.filter((fact) => fact.attempt === attempt);
  if (own.some((fact) => fact.kind === 'ended')) return { kind: 'over' };
  const started = own.find((fact) => fact.kind === 'started');
  return started === undefined ? { kind: 'claim' } : { kind: 'adopt', claim: started.claim };
}
