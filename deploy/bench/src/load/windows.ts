/** Calls `once` again and again, `inFlight` at a time, for `seconds`. @returns milliseconds that each took, and how many ended a second */
export async function runWindow(
  inFlight: number,
  seconds: number,
  once: () => Promise<unknown> | undefined,
): Promise<{ readonly perSecond: number; readonly ms: readonly number[] }> {
  const ms: number[] = [];
  const began = performance.now();
  const until = began + seconds * 1_000;
  const lane = async (): Promise<void> => {
    for (let at = performance.now(); at < until;) {
      const work = once();
      if (work === undefined) return;
      await work;
      const now = performance.now();
      ms.push(now - at);
      at = now;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { perSecond: (ms.length / (performance.now() - began)) * 1_000, ms };
}
