const LIMIT_MS = 30_000;
/** Longer than the executor waits for an answer, so that it can say that there was none. */
const FOREIGN_LIMIT_MS = 12_000;
const PAUSE_MS = 50;
/** A process that takes a connection and says nothing is not ready either. */
const ANSWER_LIMIT_MS = 5_000;

/** One line of what a service says at `/ready`. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly reason: string | null;
}

/** Begins to mend what these checks complain of; undefined when that is not its affair. */
export type Mend = (failing: readonly Check[]) => Promise<void> | undefined;

/**
 * Waits until `GET <url>/ready` answers 200, or a check fails that speaks of a server which is not the stack's own.
 * @param isForeign tells such a check; it is waited for 12 s, whatever else fails along with it
 * @param mend may mend what fails, once and however long that takes; its time does not count
 * @param signal aborted when waiting is in vain
 * @returns the foreign checks that fail
 * @throws Error that names what is not ready, after 30 s; what `mend` throws; the reason of `signal`
 */
export async function waitUntilReady(
  name: string,
  url: string,
  isForeign: (check: Check) => boolean = () => false,
  mend: Mend = () => undefined,
  signal?: AbortSignal,
): Promise<readonly Check[]> {
  let began = performance.now();
  let mended = false;
  for (;;) {
    const passedMs = performance.now() - began;
    const answer = await failingChecks(url, signal);
    signal?.throwIfAborted();
    if (typeof answer !== 'string') {
      if (answer.length === 0) return [];
      const mending = mended ? undefined : mend(answer);
      if (mending !== undefined) {
        await mending;
        mended = true;
        began = performance.now();
        continue;
      }
      const foreign = answer.filter(isForeign);
      if (passedMs > FOREIGN_LIMIT_MS && foreign.length > 0) return foreign;
    }
    if (passedMs > LIMIT_MS) {
      const last = typeof answer === 'string' ? answer : answer.map(sentenceOf).join('; ');
      throw new Error(`${name} (${url}) was not ready within ${LIMIT_MS / 1000} s: ${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** What is not ready, and why. */
export function sentenceOf(check: Check): string {
  return `${check.name}: ${check.reason}`;
}

/** What fails now; in words when `/ready` cannot be read. */
async function failingChecks(url: string, signal: AbortSignal | undefined): Promise<readonly Check[] | string> {
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
  try {
    const response = await fetch(`${url}/ready`, {
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
    if (response.ok) return [];
    const { checks } = (await response.json()) as { checks: Check[] }; // the form of every service's /ready
    return checks.filter((check) => !check.ok);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
