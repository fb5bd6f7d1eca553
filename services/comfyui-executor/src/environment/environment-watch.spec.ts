import { describe, expect, it } from '@jest/globals';
import { EnvironmentWatch } from './environment-watch.js';

const never = new AbortController().signal;

/** A watch whose server is read when the test says so. */
function watch() {
  let nowMs = 0;
  let isInDoubt = false;
  const reads: PromiseWithResolvers<string>[] = [];
  const errors: unknown[] = [];
  const environment = new EnvironmentWatch({
    read: () => {
      const read = Promise.withResolvers<string>();
      reads.push(read);
      return read.promise;
    },
    onError: (error) => errors.push(error),
    isInDoubt: () => isInDoubt,
    clock: () => nowMs,
  });
  const pass = (ms: number): void => void (nowMs += ms);
  const tell = async (name: string): Promise<void> => {
    reads.at(-1)?.resolve(name);
    await Promise.resolve();
    await Promise.resolve();
  };
  const doubt = (now: boolean): void => void (isInDoubt = now);
  return { environment, reads, errors, pass, tell, doubt };
}

describe('the environment of a server', () => {
  it('is read once, however often the server answers', async () => {
    const { environment, reads, tell, pass } = watch();
    for (let n = 0; n < 3; n += 1) environment.answered();
    await tell('one');
    pass(1_000_000);
    environment.answered();
    expect(reads).toHaveLength(1);
    expect(await environment.current(never)).toBe('one');
  });

  it('is waited for by an attempt that begins just after the server was met', async () => {
    const { environment, tell } = watch();
    const before = environment.current(never);
    environment.answered();
    const after = environment.current(never);
    await tell('one');
    expect([await before, await after]).toEqual(['one', 'one']);
  });

  it('is not waited for by attempts on a server that has had its time to tell, nor by one that is given up', async () => {
    const { environment, pass } = watch();
    environment.answered();
    expect(await environment.current(AbortSignal.abort())).toBeNull();
    const waiting = new AbortController();
    const attempt = environment.current(waiting.signal);
    waiting.abort();
    expect(await attempt).toBeNull();
    pass(5_000);
    expect(await environment.current(never)).toBeNull();
  });

  it('is read again after a restart, and is not known until then', async () => {
    const { environment, reads, tell } = watch();
    environment.answered();
    await tell('one');
    environment.restarted();
    environment.restarted();
    environment.answered();
    expect(reads).toHaveLength(2);
    const attempt = environment.current(never);
    await tell('two');
    expect(await attempt).toBe('two');
  });

  it('is not known from when the server may be another one until it has answered, as the same or as another', async () => {
    const { environment, tell, doubt, pass } = watch();
    environment.answered();
    await tell('one');
    pass(1_000_000);
    doubt(true);
    const attempt = environment.current(never);
    const other = environment.current(never);
    doubt(false);
    environment.answered();
    expect([await attempt, await other]).toEqual(['one', 'one']);
    doubt(true);
    const next = environment.current(never);
    doubt(false);
    environment.restarted();
    environment.answered();
    await tell('two');
    expect(await next).toBe('two');
    doubt(true);
    const waiting = new AbortController();
    const given = environment.current(waiting.signal);
    waiting.abort();
    expect(await given).toBeNull();
  });

  it('that was read while the server restarted does not count', async () => {
    const { environment, reads, tell } = watch();
    environment.answered();
    environment.restarted();
    await tell('of whichever start');
    environment.answered();
    expect(reads).toHaveLength(2);
    const attempt = environment.current(never);
    await tell('two');
    expect(await attempt).toBe('two');
  });

  it('that cannot be read is asked for again after a while, and why is told', async () => {
    const { environment, reads, errors, pass } = watch();
    environment.answered();
    const failure = new Error('it stalls');
    reads[0]?.reject(failure);
    await expect(reads[0]?.promise).rejects.toBe(failure);
    await Promise.resolve();
    environment.answered();
    expect([reads.length, errors]).toEqual([1, [failure]]);
    pass(10_000);
    environment.answered();
    expect(reads).toHaveLength(2);
  });
});
