import { StackChild, type ChildOptions } from './child-process.js';

const RESTART_DELAY_MS = 1_000;
/** Until somebody has changed what it needs, e.g. made a key, each start ends the same way. */
const HOPELESS_RESTART_DELAY_MS = 10_000;
/** With this a service ends (`EX_CONFIG` of sysexits.h) when a start with the same environment cannot help. */
const HOPELESS = 'exit code 78';

/** How to start it on a port; 0 lets it choose, undefined is its own default. */
export type OptionsForPort = (port: string | undefined) => Omit<ChildOptions, 'onUnexpectedExit'>;

export interface SupervisedOptions {
  readonly optionsFor: OptionsForPort;
  /** See `OptionsForPort`. */
  readonly firstPort: string | undefined;
  /**
   * Told, with its last words, when it ended as its configuration cannot work. True: it is given up. False: others are at
   * work that must go on, so it is started again, but less often.
   */
  readonly giveUp: (error: Error) => boolean;
}

/** A process of the stack that is started again on its port when it dies after it had begun to listen. */
export class SupervisedProcess {
  readonly #options: SupervisedOptions;
  #child: StackChild;
  #stopped = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#child = new StackChild({
      ...options.optionsFor(options.firstPort),
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
    const hopeless = ending === HOPELESS ? await dead.lastWords() : undefined;
    if (hopeless !== undefined && this.#options.giveUp(new Error(hopeless))) return;
    onTrouble(hopeless ?? `${name} ended (${ending}); starting it again. Its log is ${logFile}`);
    const delayMs = hopeless === undefined ? RESTART_DELAY_MS : HOPELESS_RESTART_DELAY_MS;
    this.#restart = setTimeout(() => {
      this.#child = new StackChild({
        ...this.#options.optionsFor(port),
        onUnexpectedExit: (next) => void this.#again(next, port),
      });
    }, delayMs);
  }
}
