import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

interface Answered {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** No window takes so long: what it waits for will not come. */
const LONGEST_MS = 5 * 60_000;

/** A load generator in a process of its own, so that its work does not stand in the way of whoever measures. */
export class LoadProcess<Ask, Answer> implements AsyncDisposable {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;

  /** @param name of a file in `load/` that calls `serve` with the same types */
  constructor(name: string) {
    this.#name = name;
    this.#child = fork(fileURLToPath(new URL(`./load/${name}.js`, import.meta.url)), {
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    this.#child.on('message', ({ id, value, error }: Answered) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(`${name}: ${error}`));
    });
    this.#child.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${name} ended (${signal ?? code})`));
      this.#waiting.clear();
    });
  }

  /** @throws what went wrong there, also when it ends, or has not answered after five minutes */
  async ask(ask: Ask): Promise<Answer> {
    if (!this.#child.connected || this.#child.exitCode !== null) throw new Error(`${this.#name} has ended`);
    const id = ++this.#asked;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#child.send({ id, ask });
    const late = new Error(`${this.#name} has not answered for ${LONGEST_MS / 60_000} minutes`);
    const timer = setTimeout(() => waiting.reject(late), LONGEST_MS);
    try {
      // The child's file names the same type.
      return (await waiting.promise) as Answer;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
