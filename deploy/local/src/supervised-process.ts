import { StackChild, type ChildOptions } from './child-process.js';

const RESTART_DELAY_MS = 1_000;

/** How to start it on a port; 0 lets it choose, undefined is its own default. */
export type OptionsForPort = (port: string | undefined) => Omit<ChildOptions, 'onUnexpectedExit'>;

/** A process of the stack that is started again on its port when it dies after it had begun to listen. */
export class SupervisedProcess {
  readonly #optionsFor: OptionsForPort;
  #child: StackChild;
  #stopped = false;
  #restart: NodeJS.Timeout | undefined;

  /** @param firstPort see `OptionsForPort` */
  constructor(optionsFor: OptionsForPort, firstPort: string | undefined) {
    this.#optionsFor = optionsFor;
    this.#child = new StackChild({
      ...optionsFor(firstPort),
      onUnexpectedExit: (dead) => {
        void dead.url().then(
          (url) => this.#again(dead, new URL(url).port),
          () => undefined, // It never listened: whoever waits for its address reports that.
        );
      },
    });
  }

  /**
   * Where it first listened; it is started again on the same port.
   * @throws Error with its last words when it ended before that
   */
  firstUrl(): Promise<string> {
    return this.#child.url();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restart);
    await this.#child.stop();
  }

  async #again(dead: StackChild, port: string): Promise<void> {
    const { name, logFile, onTrouble } = dead.options;
    const ending = await dead.ending();
    if (this.#stopped) return;
    onTrouble(`${name} ended (${ending}); starting it again. Its log is ${logFile}`);
    this.#restart = setTimeout(() => {
      this.#child = new StackChild({
        ...this.#optionsFor(port),
        onUnexpectedExit: (next) => void this.#again(next, port),
      });
    }, RESTART_DELAY_MS);
  }
}
